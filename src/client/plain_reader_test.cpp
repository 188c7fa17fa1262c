// Readers without a group: what is missing, and what is added.
#include "client/plain_reader.h"

#include <future>

#include "client/mock_cluster_testing.h"
#include "client/partition_watch.h"

namespace godwit::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kSoon = 60s;

void write(Client& client, const std::string& value, int32_t partition = 0) {
  const auto written = client.write("orders", {.value = value, .partition = partition});
  ASSERT_TRUE(written) << written.error().message;
}

TEST(PlainReader, IsOpenedOfATopicThatABrokerDoesNotKnowYet) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client();
  write(*client, "a");
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  auto opened = std::async(std::launch::async, [&] { return client->open_reader({.topics = {"orders"}}); });
  EXPECT_EQ(opened.wait_for(500ms), std::future_status::timeout) << "it asks again";
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_NO_ERROR);
  const auto reader = opened.get();
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ((*reader)->read(1, kSoon)->size(), 1U);
}

TEST(PlainReader, BearsWithABrokerThatForgotTheTopic) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client({.partitions_refresh = 100ms});
  write(*client, "a");
  const auto reader = client->open_reader({.topics = {"orders"}});
  ASSERT_TRUE(reader) << reader.error().message;
  ASSERT_EQ((*reader)->read(1, kSoon)->size(), 1U);
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  // Long enough for the library to have asked.
  for (const auto until = std::chrono::steady_clock::now() + 1s; std::chrono::steady_clock::now() < until;) {
    const auto none = (*reader)->read(1, 200ms);
    ASSERT_TRUE(none) << none.error().message;
    EXPECT_TRUE(none->empty());
  }
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_NO_ERROR);
  // The writer has to hear of it first.
  const auto other = cluster.client();
  write(*other, "b");
  std::vector<Record> more;
  for (int i = 0; i < 3 && more.empty(); ++i) {
    auto read = (*reader)->read(1, kSoon);
    ASSERT_TRUE(read) << read.error().message;
    more = std::move(*read);
  }
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more.front().value, "b");
}

TEST(PlainReader, OfATopicThatWasDeletedSaysSo) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client({.partitions_refresh = 100ms});
  write(*client, "a");
  const auto reader = client->open_reader({.topics = {"orders"}, .partitions = {0}});
  ASSERT_TRUE(reader) << reader.error().message;
  ASSERT_EQ((*reader)->read(1, kSoon)->size(), 1U);
  (void)(*reader)->read(1, kSoon);
  ASSERT_TRUE((*reader)->at_end());
  cluster.says_of("orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const auto none = (*reader)->read(1, kSoon);
  ASSERT_FALSE(none);
  EXPECT_TRUE((*reader)->read(1, 200ms)) << "it is told once";
  EXPECT_EQ(none.error().kind, ErrorKind::not_found) << none.error().message;
}

TEST(PartitionWatch, TellsOnceOfWhatItsOwnerDoesNotKnow) {
  MockCluster cluster(1);
  cluster.create("orders", 3);
  Options options;
  options.brokers = cluster.addresses();
  auto handle = Handle::make(Handle::Role::consumer, options, consumer_properties(options));
  ASSERT_TRUE(handle) << handle.error().message;
  rd_kafka_topic_t* const topic = rd_kafka_topic_new(handle->get(), "orders", nullptr);
  ASSERT_NE(topic, nullptr);
  {
    PartitionWatch watch(handle->get(), {{"orders", topic}}, {{"orders", 1}}, 20ms);
    std::vector<TopicPartition> added;
    const auto until = std::chrono::steady_clock::now() + kSoon;
    while (added.empty() && std::chrono::steady_clock::now() < until) added = watch.take().added;
    EXPECT_EQ(added, (std::vector<TopicPartition>{{"orders", 0}, {"orders", 2}}));
    EXPECT_FALSE(watch.found());
    EXPECT_TRUE(watch.take().added.empty());
  }
  rd_kafka_topic_destroy(topic);
}

}  // namespace
}  // namespace godwit::client
