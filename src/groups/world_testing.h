// A language for scenarios of consumer groups on virtual time: clients that speak to one manager, and a log that
// commits, holds back or refuses what the manager wants written.
//
//   World world;
//   auto a = world.client("a").joins();
//   world.passes(3s);
//   a.expect_generation(1);
//
// Each expectation takes the line of its caller, so that a failure names the scenario.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "groups/group_manager.h"

namespace godwit::groups::test {

using namespace std::chrono_literals;

enum class Writes { commit, hold, refuse };

class Client;

class World {
 public:
  explicit World(const GroupOptions& options = {});
  ~World();

  GroupManager& manager() { return *manager_; }
  Now now() const;
  // Time goes by; timers run when they are due.
  World& passes(Duration time);
  // Time goes by while the process stands still: no timer runs.
  World& stands_still(Duration time);
  // Time goes by while it is not certain that the groups are managed here (GroupManager::tick_writes).
  World& unheard(Duration time);
  World& writes(Writes what, ErrorCode refusal = ErrorCode::not_enough_replicas);
  // What was held back is committed, or refused.
  World& commit_held();
  World& refuse_held(ErrorCode error);
  size_t held() const { return held_.size(); }
  // Another manager takes over: it loads the log. What was held back is lost. Clients go on with it.
  World& fails_over();

  RequestToken ask(Request request);
  bool answered(RequestToken token) const { return answers_.contains(token.value()); }
  size_t unanswered() const;
  template <class T>
  const T& answer(RequestToken token) {
    const auto it = answers_.find(token.value());
    if (it == answers_.end()) {
      ADD_FAILURE() << "request " << token.value() << " is not answered";
      static const T none{};
      return none;
    }
    return std::get<T>(it->second);
  }
  // Asks and expects an answer at once.
  template <class T>
  T ask_now(Request request) {
    return answer<T>(ask(std::move(request)));
  }
  Client client(const std::string& name);

  std::string state(const std::string& group = "g");
  DescribeGroupResponse describe(const std::string& group = "g");
  Offset offset(const std::string& topic, int32_t partition, const std::string& group = "g");
  // A commit from outside any membership.
  ErrorCode simple_commit(const std::string& topic, int32_t partition, int64_t offset,
                          const std::string& group = "g", TopicId id = {});
  void pump();

  std::vector<EncodedRecord> log;
  size_t tombstones() const;

 private:
  friend class Client;
  GroupOptions options_;
  std::unique_ptr<GroupManager> manager_;
  MonotonicTime time_{1h};
  Writes writes_ = Writes::commit;
  ErrorCode refusal_ = ErrorCode::none;
  std::vector<RecordBatch> held_;
  uint64_t last_token_ = 0;
  uint64_t last_random_ = 0;
  Sequence last_sequence_;
  std::map<uint64_t, Response> answers_;
};

// A consumer. Copies speak for the same member from where the original was.
class Client {
 public:
  Client(World& world, std::string name) : world_(&world), name_(std::move(name)) {}

  Client& in_group(std::string group);
  Client& with_instance(std::string instance);
  Client& with_timeouts(std::chrono::milliseconds session, std::chrono::milliseconds rebalance);
  Client& with_protocols(std::vector<std::string> names);
  Client& with_subscription(std::vector<std::string> topics);
  Client& with_type(std::string type);
  Client& with_version(int16_t version);  // of JoinGroup
  Client& with_id(std::string id);

  // Joins, a second time where it is handed an id.
  Client& joins();
  // One JoinGroup, whatever comes back.
  Client& sends_join();
  Client& expect_parked(int line = __builtin_LINE());
  Client& expect_generation(int32_t generation, int line = __builtin_LINE());
  Client& expect_leads(std::vector<std::string> members, int line = __builtin_LINE());
  Client& expect_follows(int line = __builtin_LINE());
  Client& expect_join_error(ErrorCode error, int line = __builtin_LINE());
  const JoinResponse& joined() { return world_->answer<JoinResponse>(join_); }

  // SyncGroup; the leader gives each member its name, "for " and all.
  Client& syncs(std::vector<std::string> members = {});
  Client& expect_assignment(const std::string& assignment, int line = __builtin_LINE());
  Client& expect_sync_error(ErrorCode error, int line = __builtin_LINE());
  Client& expect_sync_parked(int line = __builtin_LINE());

  Client& heartbeats(ErrorCode expected = ErrorCode::none, int line = __builtin_LINE());
  Client& leaves(ErrorCode expected = ErrorCode::none, int line = __builtin_LINE());
  Client& commits(int64_t offset, ErrorCode expected = ErrorCode::none, int line = __builtin_LINE());

  JoinRequest join_request();
  SyncRequest sync_request(std::vector<std::string> members = {});

  std::string id;
  int32_t generation = -1;

 private:
  World* world_;
  std::string name_;
  std::string group_ = "g";
  std::optional<std::string> instance_;
  std::string type_ = "consumer";
  std::vector<GroupProtocol> protocols_ = {{"range", SharedBytes::copy(as_bytes("m"))}};
  int16_t version_ = 9;
  int32_t session_timeout_ms_ = 10'000;
  int32_t rebalance_timeout_ms_ = 60'000;
  RequestToken join_ = kNobody;
  RequestToken sync_ = kNobody;
};

// A subscription as consumers send it.
SharedBytes subscription(const std::vector<std::string>& topics);

// Two clients in a stable group of generation 1, `a` leads.
struct StablePair {
  explicit StablePair(World& world);
  Client a;
  Client b;
};

}  // namespace godwit::groups::test
