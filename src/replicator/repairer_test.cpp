// What is asked of another replica where this one's disk lost something, and what of its answers is taken.
#include "replicator/repairer.h"

#include <numeric>

#include "replicator/played_leader_testing.h"

namespace godwit::replicator {
namespace {

constexpr int kRecords = 8;

std::string text_of(int n) {
  return "<" + std::to_string(n) + ">" + std::string(3000, '.');
}
Bytes batch(int n) {
  return part_of(0, 0, text_of(n), n).records->flatten();
}

std::vector<int> all_records() {
  std::vector<int> all(kRecords);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// A log of batches of one record, of which those named are damaged: of all eight or, compacted, of those that are `there`.
Task<storage::Log*> damaged_log(FollowerStage& stage, std::vector<int> damaged,
                                std::vector<int> there = all_records()) {
  storage::Log* log = co_await stage.log(0);
  for (const int n : there) {
    const Bytes bytes = batch(n);
    EXPECT_TRUE((co_await log->append_replicated(bytes, stage.shard.wall_now(), stage.shard.now() + 5s)));
  }
  EXPECT_EQ(co_await log->wait_stable(Offset(kRecords), stage.shard.now() + 5s), ErrorCode::none);
  EXPECT_TRUE((co_await stage.store->close()).has_value());
  for (const int n : damaged) {
    bool found = false;
    for (const std::string& path : stage.node.disk().files()) {
      const auto contents = stage.node.disk().contents(path);
      if (!path.ends_with(".log") || !contents) continue;
      const std::string_view text(reinterpret_cast<const char*>(contents->data()), contents->size());
      const size_t at = text.find("<" + std::to_string(n) + ">");
      if (at != std::string_view::npos) found = stage.node.disk().flip_bit(path, at + 50, 3);
    }
    EXPECT_TRUE(found);
  }
  stage.store.reset();
  co_await stage.open_store();
  log = co_await stage.log(0);
  if (there.size() < kRecords) {
    storage::LogConfig config;
    config.cleanup_compact = true;
    log->set_config(config);
  }
  for (int n = 0; n < kRecords; ++n)
    (void)co_await log->read({.from = Offset(n), .bytes_max = 1, .end = log->end()});
  if (there.size() == kRecords) EXPECT_EQ(log->damages().size(), damaged.size());
  co_return log;
}

struct Repairing {
  Repairing(FollowerStage& stage, storage::Log& log) {
    stage.shard.spawn([](FollowerStage& s, storage::Log& l, Repairing& self) -> Task<void> {
      self.outcome.emplace(co_await repair(l, s.first.leader(), s.runtime, 5s));
    }(stage, log, *this));
  }
  std::optional<Result<size_t>> outcome;
};

kafka::FetchResponse records(std::vector<Bytes> batches) {
  auto part = part_of(0, kRecords);
  part.records = Chain();
  for (Bytes& one : batches) part.records->append(SharedBytes::own(std::move(one)));
  return answer_of({std::move(part)});
}
kafka::FetchResponse refusal() {
  auto part = part_of(0, -1);
  part.error_code = ErrorCode::kafka_storage_error;
  return answer_of({std::move(part)});
}

Task<void> expect_all(FollowerStage& stage, std::vector<int> there = all_records()) {
  std::vector<std::string> all;
  for (const int n : there) all.push_back(std::to_string(n) + "=" + text_of(n));
  EXPECT_EQ(co_await stage.texts(0), all);
}

TEST(Repairer, AsksAsAConsumerDoesAndPutsTheRangeBack) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    storage::Log* const log = co_await damaged_log(stage, {3});
    Repairing repairing(stage, *log);
    const FetchOf asked = co_await stage.first.next();
    EXPECT_EQ(asked.request.replica_state.replica_id, kNoBroker) << "what is not committed is not asked for";
    EXPECT_EQ(asked.request.session_epoch, -1);
    EXPECT_TRUE(asked.of(FollowerStage::id(0)) != nullptr &&
                asked.of(FollowerStage::id(0))->fetch_offset == Offset(3));
    stage.first.answer(asked, records({batch(3)}));
    EXPECT_TRUE(co_await stage.wait([&] { return repairing.outcome.has_value(); }));
    EXPECT_TRUE(*repairing.outcome && **repairing.outcome == 1);
    EXPECT_TRUE(log->damages().empty());
    co_await expect_all(stage);
    EXPECT_TRUE(co_await stage.wait([&] { return !stage.first.open(1); })) << "its connection goes";
  });
}

// The other replica has been written to since, and answers with all that it has.
TEST(Repairer, WhatLiesBehindTheDamageAndBehindTheLogIsLeftOut) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    storage::Log* const log = co_await damaged_log(stage, {kRecords - 2});
    Repairing repairing(stage, *log);
    const FetchOf asked = co_await stage.first.next();
    stage.first.answer(
        asked, records({batch(kRecords - 2), batch(kRecords - 1), batch(kRecords), batch(kRecords + 1)}));
    EXPECT_TRUE(co_await stage.wait([&] { return repairing.outcome.has_value(); }));
    EXPECT_TRUE(repairing.outcome->has_value());
    EXPECT_EQ(log->end(), Offset(kRecords));
    co_await expect_all(stage);
  });
}

TEST(Repairer, ARangeThatTheReplicaDoesNotHaveHoldsUpNoOther) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    storage::Log* const log = co_await damaged_log(stage, {1, 5});
    Repairing repairing(stage, *log);
    FetchOf asked = co_await stage.first.next();
    EXPECT_EQ(asked.of(FollowerStage::id(0))->fetch_offset, Offset(1));
    stage.first.answer(asked, refusal());
    EXPECT_TRUE(co_await stage.wait([&] { return stage.first.waiting() > 0 || repairing.outcome; }));
    EXPECT_FALSE(repairing.outcome);
    if (repairing.outcome) co_return;
    asked = co_await stage.first.next();
    EXPECT_EQ(asked.of(FollowerStage::id(0))->fetch_offset, Offset(5));
    stage.first.answer(asked, records({batch(5), batch(6)}));
    EXPECT_TRUE(co_await stage.wait([&] { return repairing.outcome.has_value(); }));
    EXPECT_FALSE(repairing.outcome->has_value()) << "it says that something is left";
    EXPECT_EQ(log->damages().size(), 1U);
    EXPECT_EQ(log->damages().at(0).from, Offset(1));
  });
}

// What the replica is asked for, one after the other, and what it answers: batches that it has from there on.
struct Asked {
  int from;
  std::vector<int> answer;
};
void repair_compacted(std::vector<int> there, std::vector<int> damaged, std::vector<Asked> asks,
                      std::vector<int> left) {
  run_on_follower([=](FollowerStage& stage) -> Task<void> {
    storage::Log* const log = co_await damaged_log(stage, damaged, there);
    EXPECT_EQ(log->damages().size(), 1U);
    Repairing repairing(stage, *log);
    for (const Asked& expected : asks) {
      EXPECT_TRUE(co_await stage.wait([&] { return stage.first.waiting() > 0 || repairing.outcome; }));
      EXPECT_FALSE(repairing.outcome) << "before it was asked from " << expected.from << " on";
      if (repairing.outcome) co_return;
      const FetchOf asked = co_await stage.first.next();
      EXPECT_EQ(asked.of(FollowerStage::id(0))->fetch_offset, Offset(expected.from));
      std::vector<Bytes> batches;
      for (const int n : expected.answer) batches.push_back(batch(n));
      stage.first.answer(asked, records(std::move(batches)));
    }
    EXPECT_TRUE(co_await stage.wait([&] { return repairing.outcome.has_value(); }));
    EXPECT_TRUE(repairing.outcome->has_value()) << repairing.outcome->error().describe();
    EXPECT_TRUE(log->damages().empty());
    co_await expect_all(stage, left);
  });
}

TEST(Repairer, ADamageBehindAGapOfACompactedLogIsPutBack) {
  repair_compacted({0, 4, 7}, {4}, {{1, {4, 7}}}, {0, 4, 7});
  repair_compacted({0, 4, 7}, {4}, {{1, {4}}}, {0, 4, 7});
}

TEST(Repairer, WhatTheOtherReplicaHasCompactedAwayIsNoDamageAnyMore) {
  repair_compacted({0, 4, 7}, {4}, {{1, {7}}}, {0, 7});
  repair_compacted({0, 2, 4, 5, 7}, {2, 4}, {{1, {2, 7}}}, {0, 2, 5, 7});
  repair_compacted({0, 2, 4, 7}, {2, 4}, {{1, {2}}, {3, {7}}}, {0, 2, 7});
}

TEST(Repairer, WhatIsDamagedOrDoesNotFitIsNotTaken) {
  run_on_follower([](FollowerStage& stage) -> Task<void> {
    storage::Log* const log = co_await damaged_log(stage, {3});
    Bytes rotten = batch(3);
    rotten[rotten.size() - 20] ^= std::byte{1};
    std::vector<kafka::FetchResponse> answers;
    answers.push_back(records({rotten}));
    answers.push_back(records({batch(4)}));
    answers.push_back(records({}));
    answers.push_back(refusal());
    for (auto& answer : answers) {
      Repairing repairing(stage, *log);
      const FetchOf asked = co_await stage.first.next();
      stage.first.answer(asked, std::move(answer));
      EXPECT_TRUE(co_await stage.wait([&] { return repairing.outcome.has_value(); }));
      EXPECT_FALSE(repairing.outcome->has_value());
      EXPECT_EQ(log->damages().size(), 1U);
    }
    Repairing cut_off(stage, *log);
    (void)co_await stage.first.next();
    stage.first.hang_up();
    EXPECT_TRUE(co_await stage.wait([&] { return cut_off.outcome.has_value(); }));
    EXPECT_FALSE(cut_off.outcome->has_value());
  });
}

}  // namespace
}  // namespace godwit::replicator
