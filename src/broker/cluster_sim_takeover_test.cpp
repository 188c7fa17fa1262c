// What it costs a broker's disk to become the leader of many partitions at once (rule 12): no file for any of them. Each new epoch
// is a structure record of the journal, and those of one image share its rounds, so that what is written hardly grows with their
// number.
#include <set>

#include "broker/cluster_asking_testing.h"

namespace godwit::broker {
namespace {

const std::string kTopic = "orders";

// Led by broker 1 as long as that lives, then by broker 2.
bool create(ClusterStage& stage, int partitions) {
  kafka::CreateTopicsRequest request;
  auto& wish = request.topics.emplace_back();
  wish.name = kTopic;
  wish.num_partitions = -1;
  wish.replication_factor = -1;
  for (int p = 0; p < partitions; ++p)
    wish.assignments.push_back({PartitionIndex(p), {BrokerId(1), BrokerId(2), BrokerId(3)}});
  const bool asked = stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    const auto answer = co_await cluster.call(peer::Target::controller(), request,
                                              [](const auto& r) { return r.topics.at(0).error_code; });
    EXPECT_TRUE(answer.has_value()) << answer.error().describe();
  });
  return asked && stage.wait([&] { return stage.whole(kTopic); });
}

// One record for each partition, on all replicas: each log has something that its next leader begins behind.
void fill(ClusterStage& stage, int partitions) {
  kafka::ProduceRequest request = produce_request(kTopic, 0, {"a"});
  auto& wish = request.topic_data.at(0);
  for (int p = 1; p < partitions; ++p) {
    auto one = produce_request(kTopic, p, {"a"});
    wish.partition_data.push_back(std::move(one.topic_data.at(0).partition_data.at(0)));
  }
  EXPECT_TRUE(stage.as_client([&](peer::Cluster& cluster) -> Task<void> {
    const auto answer =
        co_await cluster.call(peer::Target::leader(kTopic, PartitionIndex(0)), std::move(request),
                              [](const kafka::ProduceResponse&) { return ErrorCode::none; },
                              {.version_max = 12, .repeatable = false});
    EXPECT_TRUE(answer.has_value()) << answer.error().describe();
    if (!answer) co_return;
    for (const auto& one : answer->responses.at(0).partition_responses)
      EXPECT_EQ(one.error_code, ErrorCode::none);
  }));
}

struct Cost {
  // Creates, writes, syncs, renames and all else that changes something on the disk of the new leader.
  uint64_t changes = 0;
  std::vector<std::string> new_files;
};

Cost cost_of_taking_over(uint64_t seed, int partitions) {
  Cost cost;
  ClusterStage stage(seed, 1 + seed % 2);
  stage.start_all();
  EXPECT_TRUE(create(stage, partitions)) << stage.describe_all(kTopic);
  fill(stage, partitions);
  auto& disk = stage.node(2).disk();
  // The journal's files are all made, and nothing is on its way to the disk.
  stage.world.run_for(5s);
  const uint64_t before = disk.mutations();
  stage.world.run_for(5s);
  EXPECT_EQ(disk.mutations(), before) << "it writes all the time, whoever leads";
  const auto files = disk.files();
  const std::set<std::string> known(files.begin(), files.end());
  stage.node(1).crash(seed % 2 == 0 ? CrashKind::kill : CrashKind::power_cut);
  const auto leads_all = [&] {
    for (int p = 0; p < partitions; ++p) {
      const auto replica = stage.replica(2, kTopic, p);
      if (replica == nullptr || !replica->leading() || !replica->high_watermark_known()) return false;
    }
    return true;
  };
  EXPECT_TRUE(stage.wait(leads_all, 10s)) << stage.describe_all(kTopic);
  // Also what would be written behind it.
  stage.world.run_for(5s);
  EXPECT_TRUE(leads_all());
  cost.changes = disk.mutations() - before;
  for (const auto& file : disk.files())
    if (!known.contains(file)) cost.new_files.push_back(file);
  return cost;
}

// Seen: at most 6 changes, for 20 partitions as for 200. A round of the journal is a write and a sync; elections come in
// transactions of at most 127 keys, so that 200 of them are two images or three. A file for each partition would be at least as many
// changes as there are partitions, a round for each twice as many.
TEST(ClusterSimTakeover, WritesNoFileForEachPartition) {
  uint64_t most_few = 0;
  uint64_t most_many = 0;
  for_seeds(
      [&](uint64_t seed) {
        const Cost few = cost_of_taking_over(seed, 20);
        const Cost many = cost_of_taking_over(seed, 200);
        EXPECT_EQ(few.new_files, std::vector<std::string>());
        EXPECT_EQ(many.new_files, std::vector<std::string>());
        EXPECT_GE(few.changes, 2U) << "an epoch is durable before anything is accepted in it";
        EXPECT_LT(few.changes, 20U);
        EXPECT_LT(many.changes, 40U);
        most_few = std::max(most_few, few.changes);
        most_many = std::max(most_many, many.changes);
      },
      4);
  RecordProperty("changes_20", static_cast<int>(most_few));
  RecordProperty("changes_200", static_cast<int>(most_many));
}

}  // namespace
}  // namespace godwit::broker
