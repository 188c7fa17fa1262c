// Random clients, random outcomes of writes, random failovers, from a seed. What must hold whatever happens:
// every request is answered once; generations go up; a generation that was answered is in the log, with the member
// and with one leader; an instance id has one member; and the log alone gives the same state again.
#include <map>

#include "groups/world_testing.h"

namespace godwit::groups::test {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t below(uint64_t bound) {
    state_ += 0x9e3779b97f4a7c15;  // SplitMix64
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % bound;
  }
  bool once_in(uint64_t n) { return below(n) == 0; }

 private:
  uint64_t state_;
};

struct Actor {
  Client client;
  std::string group;
  bool is_static;
  RequestToken join = kNobody;
  RequestToken sync = kNobody;
  std::vector<std::string> led;  // the members that it was told
};

class Scene {
 public:
  explicit Scene(uint64_t seed) : random_(seed), world_(options()) {
    for (int i = 0; i < 8; ++i) {
      const std::string name = "c" + std::to_string(i);
      const std::string group = "g" + std::to_string(i % 2);
      Client client = world_.client(name);
      client.in_group(group).with_timeouts(10s, 20s);
      const bool is_static = i % 3 == 0;
      if (is_static) client.with_instance("i-" + std::to_string(i / 3));
      if (i == 4) client.with_version(3);
      if (i == 5) client.with_protocols({"sticky", "range"});
      actors_.push_back({client, group, is_static, kNobody, kNobody, {}});
    }
  }

  void go(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
    world_.fails_over();
    check_reload();
  }
  uint64_t answered_generations() const { return answered_generations_; }

 private:
  GroupOptions options() {
    GroupOptions o;
    if (random_.once_in(2)) o.initial_rebalance_delay = 0s;
    if (random_.once_in(3)) o.group_size_max = 3;
    if (random_.once_in(3)) o.offsets_retention = 5min;
    return o;
  }

  void step() {
    Actor& actor = actors_[random_.below(actors_.size())];
    collect(actor);
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
        return join(actor);
      case 3:
      case 4:
      case 5:
        return sync(actor);
      case 6:
      case 7:
        world_.ask(HeartbeatRequest{actor.group, actor.client.generation, actor.client.id, instance(actor)});
        break;
      case 8:
        return commit(actor);
      case 9:
        if (!random_.once_in(4)) break;
        world_.ask(LeaveRequest{.group = actor.group, .members = {{actor.client.id, instance(actor)}}});
        forget(actor);
        break;
      case 10:
        world_.passes(std::chrono::milliseconds(random_.below(4000)));
        break;
      case 11:
        world_.writes(random_.once_in(3) ? Writes::hold : Writes::commit);
        break;
      case 12:
        world_.commit_held();
        break;
      case 13:
        if (random_.once_in(4)) world_.refuse_held(ErrorCode::not_enough_replicas);
        break;
      case 14:
        return rarely(actor);
      default:
        world_.ask(DescribeGroupRequest{.group = actor.group});
    }
    check();
  }

  void rarely(Actor& actor) {
    switch (random_.below(6)) {
      case 0:
        world_.fails_over();
        break;
      case 1:
        world_.ask(DeleteGroupRequest{actor.group});
        break;
      case 2:
        world_.passes(std::chrono::seconds(random_.below(40)));
        break;
      case 3:
        world_.ask(OffsetDeleteRequest{actor.group, {{"orders", {PartitionIndex(0)}}}});
        break;
      case 4:
        forget(actor);
        break;  // its process starts again
      default:
        world_.manager().topic_deleted("orders", {}, world_.now());
        world_.pump();
    }
    check();
  }

  std::optional<std::string> instance(const Actor& actor) {
    return actor.is_static ? Client(actor.client).join_request().instance : std::nullopt;
  }
  void forget(Actor& actor) {
    actor.client.with_id("");
    actor.client.generation = -1;
    actor.join = actor.sync = kNobody;
    actor.led.clear();
  }

  void join(Actor& actor) {
    if (actor.join != kNobody && !random_.once_in(10)) return;
    actor.join = world_.ask(actor.client.join_request());
    collect(actor);
    check();
  }

  void sync(Actor& actor) {
    if (actor.client.generation < 0) return;
    actor.sync = world_.ask(actor.client.sync_request(actor.led));
    check();
  }

  void commit(Actor& actor) {
    OffsetCommitRequest request;
    request.group = actor.group;
    if (!random_.once_in(5)) {
      request.generation = actor.client.generation;
      request.member = actor.client.id;
      request.instance = instance(actor);
    }
    const auto partition = PartitionIndex(static_cast<int32_t>(random_.below(3)));
    const auto offset = Offset(static_cast<int64_t>(random_.below(1000)));
    request.topics.push_back(
        {random_.once_in(2) ? "orders" : "bills", {}, {{partition, offset, kNoLeaderEpoch, "x"}}});
    world_.ask(request);
    check();
  }

  // Looks whether the actor's Join was answered.
  void collect(Actor& actor) {
    if (actor.join == kNobody || !world_.answered(actor.join)) return;
    const auto response = world_.answer<JoinResponse>(std::exchange(actor.join, kNobody));
    if (response.error == ErrorCode::member_id_required) actor.client.with_id(response.member);
    if (response.error == ErrorCode::unknown_member_id || response.error == ErrorCode::fenced_instance_id ||
        response.error == ErrorCode::group_max_size_reached) {
      forget(actor);
    }
    if (response.error != ErrorCode::none) return;
    actor.client.with_id(response.member);
    actor.client.generation = response.generation;
    actor.led.clear();
    for (const auto& member : response.members) actor.led.push_back(member.member);
    ++answered_generations_;
    check_generation(actor, response);
  }

  // What was answered is in the log: the generation, its leader, and this member in it.
  void check_generation(const Actor& actor, const JoinResponse& response) {
    bool logged = false;
    for (const auto& encoded : world_.log) {
      if (!encoded.value) continue;
      const auto record = decode(encoded.key, *encoded.value).value();
      const auto* made = std::get_if<GenerationMade>(&record);
      if (made == nullptr || made->group != actor.group || made->generation != response.generation) continue;
      for (const auto& member : made->members) {
        if (member.member != response.member) continue;
        // A static leader of an old version that came back is given its former name.
        logged = logged || made->leader == response.leader || actor.is_static;
      }
    }
    EXPECT_TRUE(logged) << response.member << " was told of generation " << response.generation;
  }

  void check() {
    check_log();
    for (const auto* group : {"g0", "g1"}) {
      std::set<std::string> instances;
      for (const auto& member : world_.describe(group).members) {
        if (member.instance) {
          EXPECT_TRUE(instances.insert(*member.instance).second) << *member.instance;
        }
      }
    }
    if (random_.once_in(20)) check_reload(), check_tally();
  }

  void check_log() {
    for (; checked_ < world_.log.size(); ++checked_) {
      const auto& encoded = world_.log[checked_];
      const auto record =
          decode(encoded.key, encoded.value ? std::optional<BytesView>(*encoded.value) : std::nullopt)
              .value();
      if (const auto* gone = std::get_if<GroupForgotten>(&record)) newest_.erase(gone->group);
      const auto* made = std::get_if<GenerationMade>(&record);
      if (made == nullptr) continue;
      auto& newest = newest_[made->group];
      // The same again with the assignment or a static member's new id; else the next one.
      EXPECT_TRUE(made->generation == newest || made->generation == newest + 1) << made->generation;
      newest = made->generation;
      size_t leaders = 0;
      for (const auto& member : made->members) leaders += made->leader == member.member ? 1 : 0;
      EXPECT_EQ(leaders, made->members.empty() ? 0U : 1U) << "one leader, who is a member";
    }
  }

  // What is counted as it changes is what there is.
  void check_tally() {
    const GroupTally& tally = world_.manager().tally();
    const GroupCounts counts = world_.manager().counts();
    EXPECT_EQ(tally.members, static_cast<int64_t>(counts.members));
    EXPECT_EQ(tally.offsets, static_cast<int64_t>(counts.offsets));
    for (size_t i = 0; i < kGroupStates; ++i) {
      const std::string state(to_string(static_cast<GroupState>(i)));
      const auto listed =
          world_.ask_now<ListGroupsResponse>(ListGroupsRequest{.states = {state}, .types = {}});
      // A place in memory without a group counts as Empty, and no client sees it.
      if (i == 0) {
        EXPECT_GE(tally.groups[i], std::ssize(listed.groups));
      } else {
        EXPECT_EQ(tally.groups[i], std::ssize(listed.groups)) << state;
      }
    }
  }

  void check_reload() {
    GroupManager other{GroupOptions{}};
    other.load_begin();
    for (const auto& r : world_.log)
      other.load(r.key, r.value ? std::optional<BytesView>(*r.value) : std::nullopt);
    other.load_done(world_.now());
    EXPECT_TRUE(other.snapshot() == world_.manager().snapshot()) << "the log and the state have parted";
  }

  Random random_;
  World world_;
  std::vector<Actor> actors_;
  std::map<std::string, int32_t> newest_;
  size_t checked_ = 0;
  uint64_t answered_generations_ = 0;
};

TEST(RandomGroups, KeepTheirPromisesWhateverHappens) {
  uint64_t generations = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Scene run(seed);
    run.go(400);
    generations += run.answered_generations();
    if (HasFailure()) break;
  }
  EXPECT_GT(generations, 1000U) << "the runs must get somewhere";
}

}  // namespace
}  // namespace godwit::groups::test
