// What a reader of a group gives, and what counts as given.
#include <thread>

#include "client/mock_cluster_testing.h"

namespace godwit::client {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Nothing waits so long unless it is broken, however slow the machine is.
constexpr auto kSoon = 60s;

// The brokers of this process notice by it that a member has gone.
const Options kOptions{.session_timeout = 5s, .properties = {{"heartbeat.interval.ms", "200"}}};
const ReaderOptions kBilling{.topics = {"orders"}, .group = "billing"};

void write(Client& client, int32_t partition, int count) {
  for (int i = 0; i < count; ++i) {
    const auto written = client.write("orders", {.value = std::to_string(i), .partition = partition});
    ASSERT_TRUE(written) << written.error().message;
  }
}

// A topic with ten records, and a reader whose on_assigned is called inside the read() that takes them from the library.
class TenRecords : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.create("orders");
    client_ = cluster_.client(kOptions);
    write(*client_, 0, 10);
    auto wanted = kBilling;
    wanted.on_assigned = [this](const std::vector<TopicPartition>& mine) {
      if (!mine.empty() && on_assigned_) on_assigned_();
    };
    auto made = client_->open_reader(wanted);
    ASSERT_TRUE(made) << made.error().message;
    reader_ = std::move(*made);
  }
  // What the next member is given.
  std::vector<Record> left_for_the_next() {
    auto records = client_->read(kBilling, 10, kSoon);
    EXPECT_TRUE(records) << records.error().message;
    return records ? std::move(*records) : std::vector<Record>{};
  }

  MockCluster cluster_{1};
  std::unique_ptr<Client> client_;
  std::function<void()> on_assigned_;
  std::unique_ptr<Reader> reader_;
};

TEST_F(TenRecords, AreNotCommittedByACallInsideTheReadThatHasYetToGiveThem) {
  int calls = 0;
  on_assigned_ = [&] {
    ++calls;
    EXPECT_TRUE(reader_->commit());
  };
  const auto records = reader_->read(10, kSoon);
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_FALSE(records->empty());
  EXPECT_EQ(calls, 1);
  reader_.reset();
  EXPECT_EQ(left_for_the_next().size(), 10U);
}

TEST_F(TenRecords, AreNotCommittedWhenTheReadIsClosedBeforeItGivesThem) {
  on_assigned_ = [&] {
    EXPECT_TRUE(reader_->commit());
    reader_->close();
  };
  const auto records = reader_->read(10, kSoon);
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().kind, ErrorKind::closed);
  EXPECT_EQ(reader_->commit().error().kind, ErrorKind::closed);
  EXPECT_EQ(left_for_the_next().size(), 10U);
}

TEST_F(TenRecords, AreCommittedAsFarAsTheyWereGiven) {
  for (size_t given = 0; given < 4;) {
    const auto records = reader_->read(4 - given, kSoon);
    ASSERT_TRUE(records) << records.error().message;
    ASSERT_FALSE(records->empty());
    given += records->size();
  }
  ASSERT_TRUE(reader_->commit());
  reader_.reset();
  const auto left = left_for_the_next();
  ASSERT_EQ(left.size(), 6U);
  EXPECT_EQ(left.front().value, "4");
}

// Two partitions are empty; the broker that has the third answers late.
TEST(GroupRead, GoesOnUntilAllPartitionsAreAtTheirEnd) {
  MockCluster cluster(2);
  cluster.create("orders", 3);
  cluster.manages("billing", 1);
  cluster.moves_leader("orders", 0, 1);
  cluster.moves_leader("orders", 1, 1);
  cluster.moves_leader("orders", 2, 2);
  const auto client = cluster.client(kOptions);
  write(*client, 2, 5);
  cluster.delays(2, 300ms);
  const auto began = Clock::now();
  const auto records = client->read(kBilling, 10, kSoon);
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_EQ(records->size(), 5U);
  EXPECT_LT(Clock::now() - began, kSoon) << "there is no more to wait for";
  const auto again = client->read(kBilling, 10, kSoon);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->empty()) << "what was returned was committed";
}

TEST(GroupRead, BearsWithABrokerThatDoesNotKnowTheTopicYet) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client(kOptions);
  write(*client, 0, 1);
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const auto reader = client->open_reader(kBilling);
  ASSERT_TRUE(reader) << reader.error().message;
  // Long enough for the library to have asked.
  const auto none = (*reader)->read(10, 1500ms);
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_TRUE(none->empty());
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_NO_ERROR);
  const auto records = (*reader)->read(10, kSoon);
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_EQ(records->size(), 1U);
}

TEST(GroupRead, OfATopicThatStaysUnknownSaysSo) {
  MockCluster cluster(1);
  cluster.create("orders");
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const auto client = cluster.client(kOptions);
  const auto reader = client->open_reader(kBilling);
  ASSERT_TRUE(reader);
  const auto records = (*reader)->read(10, kSoon);
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().kind, ErrorKind::not_found) << records.error().message;
  EXPECT_NE(records.error().message.find("orders"), std::string::npos) << records.error().message;
}

}  // namespace
}  // namespace godwit::client
