#include "groups/world_testing.h"

#include <algorithm>

#include "base/endian.h"

namespace godwit::groups::test {

World::World(const GroupOptions& options)
    : options_(options), manager_(std::make_unique<GroupManager>(options)) {
  manager_->load_begin();
  manager_->load_done(now());
}
World::~World() = default;

Now World::now() const {
  return {time_,
          WallTime{1'700'000'000'000 +
                   std::chrono::duration_cast<std::chrono::milliseconds>(time_.time_since_epoch()).count()}};
}

World& World::passes(Duration time) {
  const MonotonicTime end = time_ + time;
  for (auto due = manager_->next_deadline(); due && *due <= end; due = manager_->next_deadline()) {
    time_ = std::max(time_, *due);
    manager_->tick(now());
    pump();
  }
  time_ = end;
  return *this;
}

World& World::stands_still(Duration time) {
  time_ += time;
  return *this;
}

World& World::unheard(Duration time) {
  time_ += time;
  manager_->tick_writes(now());
  pump();
  return *this;
}

World& World::writes(Writes what, ErrorCode refusal) {
  writes_ = what;
  refusal_ = refusal;
  return *this;
}

World& World::commit_held() {
  for (auto& batch : std::exchange(held_, {})) {
    for (auto& record : batch.records) log.push_back(std::move(record));
    manager_->committed(batch.sequence, now());
  }
  writes_ = Writes::commit;
  pump();
  return *this;
}

World& World::refuse_held(ErrorCode error) {
  writes_ = Writes::commit;
  for (auto& batch : std::exchange(held_, {})) manager_->failed(batch.sequence, error, now());
  pump();
  return *this;
}

void World::pump() {
  for (bool more = true; more;) {
    auto output = manager_->take_output();
    more = !output.batches.empty();
    for (auto& [token, response] : output.replies) {
      EXPECT_LE(token.value(), last_token_) << "an answer that nobody asked for";
      EXPECT_TRUE(answers_.emplace(token.value(), std::move(response)).second)
          << "a second answer to " << token.value();
    }
    for (auto& batch : output.batches) {
      EXPECT_EQ(batch.sequence, last_sequence_ + 1) << "batches have no gap";
      last_sequence_ = batch.sequence;
      if (writes_ == Writes::hold) {
        held_.push_back(std::move(batch));
      } else if (writes_ == Writes::refuse) {
        manager_->failed(batch.sequence, refusal_, now());
      } else {
        held_.push_back(std::move(batch));  // a log commits in its order: what was held back goes first
        for (auto& next : std::exchange(held_, {})) {
          for (auto& record : next.records) log.push_back(std::move(record));
          manager_->committed(next.sequence, now());
        }
      }
    }
    if (writes_ == Writes::hold) break;
  }
}

World& World::fails_over() {
  manager_->resign();
  pump();
  EXPECT_EQ(unanswered(), 0U) << "who resigns answers everybody";
  held_.clear();
  last_sequence_ = Sequence(0);
  manager_ = std::make_unique<GroupManager>(options_);
  manager_->load_begin();
  for (const auto& record : log) {
    manager_->load(record.key, record.value ? std::optional<BytesView>(*record.value) : std::nullopt);
  }
  const auto loaded = manager_->load_done(now());
  EXPECT_EQ(loaded.corrupt, 0U);
  EXPECT_EQ(loaded.unknown, 0U);
  writes_ = Writes::commit;
  pump();
  return *this;
}

RequestToken World::ask(Request request) {
  const RequestToken token(++last_token_);
  manager_->decide(token, std::move(request), now());
  pump();
  return token;
}

size_t World::unanswered() const {
  return last_token_ - answers_.size();
}

Client World::client(const std::string& name) {
  return {*this, name};
}

DescribeGroupResponse World::describe(const std::string& group) {
  return ask_now<DescribeGroupResponse>(DescribeGroupRequest{.group = group});
}
std::string World::state(const std::string& group) {
  return describe(group).state;
}

Offset World::offset(const std::string& topic, int32_t partition, const std::string& group) {
  OffsetFetchRequest request;
  request.group = group;
  request.topics.emplace().push_back({topic, {}, {PartitionIndex(partition)}});
  const auto response = ask_now<OffsetFetchResponse>(request);
  EXPECT_EQ(response.error, ErrorCode::none);
  return response.topics.at(0).partitions.at(0).offset;
}

ErrorCode World::simple_commit(const std::string& topic, int32_t partition, int64_t offset,
                               const std::string& group, TopicId id) {
  OffsetCommitRequest request;
  request.group = group;
  request.topics.push_back({topic, id, {{PartitionIndex(partition), Offset(offset), kNoLeaderEpoch, ""}}});
  return ask_now<OffsetCommitResponse>(request).topics.at(0).partitions.at(0).error;
}

size_t World::tombstones() const {
  return static_cast<size_t>(std::count_if(log.begin(), log.end(), [](const auto& r) { return !r.value; }));
}

// --- clients -----------------------------------------------------------------------------------------------------

Client& Client::in_group(std::string group) {
  group_ = std::move(group);
  return *this;
}
Client& Client::with_instance(std::string instance) {
  instance_ = std::move(instance);
  return *this;
}
Client& Client::with_timeouts(std::chrono::milliseconds session, std::chrono::milliseconds rebalance) {
  session_timeout_ms_ = static_cast<int32_t>(session.count());
  rebalance_timeout_ms_ = static_cast<int32_t>(rebalance.count());
  return *this;
}
Client& Client::with_protocols(std::vector<std::string> names) {
  protocols_.clear();
  for (auto& name : names) protocols_.push_back({name, SharedBytes::copy(as_bytes("m-" + name))});
  return *this;
}
Client& Client::with_subscription(std::vector<std::string> topics) {
  protocols_ = {{"range", subscription(topics)}};
  return *this;
}
Client& Client::with_type(std::string type) {
  type_ = std::move(type);
  return *this;
}
Client& Client::with_version(int16_t version) {
  version_ = version;
  return *this;
}
Client& Client::with_id(std::string new_id) {
  id = std::move(new_id);
  return *this;
}

JoinRequest Client::join_request() {
  JoinRequest request;
  request.version = version_;
  request.group = group_;
  request.member = id;
  request.instance = instance_;
  request.client_id = name_;
  request.client_host = "/127.0.0.1";
  request.session_timeout_ms = session_timeout_ms_;
  request.rebalance_timeout_ms = version_ == 0 ? -1 : rebalance_timeout_ms_;
  request.protocol_type = type_;
  request.protocols = protocols_;
  store_big(request.random.data(), ++world_->last_random_);
  return request;
}

Client& Client::sends_join() {
  join_ = world_->ask(join_request());
  return *this;
}

Client& Client::joins() {
  sends_join();
  if (world_->answered(join_) && joined().error == ErrorCode::member_id_required) {
    id = joined().member;
    sends_join();
  }
  return *this;
}

Client& Client::expect_parked(int line) {
  EXPECT_FALSE(world_->answered(join_)) << name_ << " at line " << line;
  return *this;
}

Client& Client::expect_generation(int32_t expected, int line) {
  const auto& response = joined();
  EXPECT_EQ(response.error, ErrorCode::none)
      << name_ << " at line " << line << " " << to_string(response.error);
  EXPECT_EQ(response.generation, expected) << name_ << " at line " << line;
  id = response.member;
  generation = response.generation;
  return *this;
}

Client& Client::expect_leads(std::vector<std::string> members, int line) {
  const auto& response = joined();
  EXPECT_EQ(response.leader, response.member) << name_ << " at line " << line;
  std::vector<std::string> names;
  for (const auto& each : response.members) names.push_back(each.member.substr(0, each.member.find('-')));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, members) << name_ << " at line " << line;
  return *this;
}

Client& Client::expect_follows(int line) {
  const auto& response = joined();
  EXPECT_EQ(response.error, ErrorCode::none) << name_ << " at line " << line;
  EXPECT_NE(response.leader, response.member) << name_ << " at line " << line;
  EXPECT_TRUE(response.members.empty())
      << "only the leader is told the members: " << name_ << " at line " << line;
  return *this;
}

Client& Client::expect_join_error(ErrorCode error, int line) {
  EXPECT_EQ(joined().error, error) << name_ << " at line " << line << " " << to_string(joined().error);
  return *this;
}

SyncRequest Client::sync_request(std::vector<std::string> members) {
  SyncRequest request;
  request.group = group_;
  request.generation = generation;
  request.member = id;
  request.instance = instance_;
  for (auto& member : members)
    request.assignments.push_back({member, SharedBytes::copy(as_bytes("for " + member))});
  return request;
}

Client& Client::syncs(std::vector<std::string> members) {
  sync_ = world_->ask(sync_request(std::move(members)));
  return *this;
}

Client& Client::expect_assignment(const std::string& assignment, int line) {
  const auto& response = world_->answer<SyncResponse>(sync_);
  EXPECT_EQ(response.error, ErrorCode::none)
      << name_ << " at line " << line << " " << to_string(response.error);
  EXPECT_EQ(as_text(response.assignment.view()), assignment) << name_ << " at line " << line;
  return *this;
}

Client& Client::expect_sync_error(ErrorCode error, int line) {
  const auto& response = world_->answer<SyncResponse>(sync_);
  EXPECT_EQ(response.error, error) << name_ << " at line " << line << " " << to_string(response.error);
  return *this;
}

Client& Client::expect_sync_parked(int line) {
  EXPECT_FALSE(world_->answered(sync_)) << name_ << " at line " << line;
  return *this;
}

Client& Client::heartbeats(ErrorCode expected, int line) {
  const auto error =
      world_->ask_now<HeartbeatResponse>(HeartbeatRequest{group_, generation, id, instance_}).error;
  EXPECT_EQ(error, expected) << name_ << " at line " << line << " " << to_string(error);
  return *this;
}

Client& Client::leaves(ErrorCode expected, int line) {
  const auto response =
      world_->ask_now<LeaveResponse>(LeaveRequest{.group = group_, .members = {{id, instance_}}});
  const auto error = response.members.empty() ? response.error : response.members.front().error;
  EXPECT_EQ(error, expected) << name_ << " at line " << line << " " << to_string(error);
  return *this;
}

Client& Client::commits(int64_t offset, ErrorCode expected, int line) {
  OffsetCommitRequest request;
  request.group = group_;
  request.generation = generation;
  request.member = id;
  request.instance = instance_;
  request.topics.push_back({"orders", {}, {{PartitionIndex(0), Offset(offset), kNoLeaderEpoch, ""}}});
  const auto error = world_->ask_now<OffsetCommitResponse>(request).topics.at(0).partitions.at(0).error;
  EXPECT_EQ(error, expected) << name_ << " at line " << line << " " << to_string(error);
  return *this;
}

SharedBytes subscription(const std::vector<std::string>& topics) {
  Bytes bytes(6);
  store_big<int16_t>(bytes.data(), 1);
  store_big<int32_t>(bytes.data() + 2, static_cast<int32_t>(topics.size()));
  for (const auto& topic : topics) {
    bytes.resize(bytes.size() + 2);
    store_big<int16_t>(bytes.data() + bytes.size() - 2, static_cast<int16_t>(topic.size()));
    const auto text = as_bytes(topic);
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  return SharedBytes::own(std::move(bytes));
}

StablePair::StablePair(World& world) : a(world.client("a")), b(world.client("b")) {
  a.joins();
  b.joins();
  world.passes(6s);
  a.expect_generation(1).expect_leads({"a", "b"});
  b.expect_generation(1).expect_follows();
  b.syncs();
  a.syncs({a.id, b.id}).expect_assignment("for " + a.id);
  b.expect_assignment("for " + b.id);
}

}  // namespace godwit::groups::test
