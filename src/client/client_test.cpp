// The client's verbs, against brokers in this process that do what a test says.
#include "godwit/client.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "client/errors.h"
#include "client/mock_cluster_testing.h"

namespace godwit::client {
namespace {

using namespace std::chrono_literals;

// Nothing waits so long unless it is broken, however slow the machine is.
constexpr auto kSoon = 60s;

Message message(std::string key, std::string value) {
  return {.key = std::move(key), .value = std::move(value)};
}

std::vector<std::string> values(const std::vector<Record>& records) {
  std::vector<std::string> all;
  for (const Record& record : records) all.push_back(record.value.value_or("(none)"));
  return all;
}

TEST(ClientErrors, AreChosenByWhatTheCallerShouldDo) {
  EXPECT_EQ(error_from(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "x").kind, ErrorKind::not_found);
  EXPECT_EQ(error_from(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, "x").kind, ErrorKind::exists);
  EXPECT_EQ(error_from(RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, "x").kind, ErrorKind::unavailable);
  EXPECT_EQ(error_from(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, "x").kind, ErrorKind::timed_out);
  EXPECT_EQ(error_from(RD_KAFKA_RESP_ERR__FATAL, "x").kind, ErrorKind::fatal);
  EXPECT_EQ(error_from(RD_KAFKA_RESP_ERR_INVALID_RECORD, "x").kind, ErrorKind::invalid);
  EXPECT_EQ(error_from(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, "x").kind, ErrorKind::invalid);
  const Error error = error_from(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "write orders", "it is too long");
  EXPECT_EQ(error.kind, ErrorKind::too_large);
  EXPECT_EQ(error.message, "write orders: it is too long");
  EXPECT_EQ(error.code, 10);
}

TEST(Client, IsNotMadeOfOptionsThatCannotBe) {
  EXPECT_EQ(Client::make({.brokers = ""}).error().kind, ErrorKind::invalid);
  const auto typo = Client::make({.properties = {{"linger.mss", "5"}}});
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().kind, ErrorKind::invalid);
  EXPECT_NE(typo.error().message.find("linger.mss"), std::string::npos) << typo.error().message;
}

TEST(Client, ReadsWhatItWrote) {
  MockCluster cluster;
  cluster.create("orders", 3);
  const auto client = cluster.client();
  Message full = message("alice", "2 apples");
  full.headers = {{"trace", "7"}, {"empty", std::nullopt}};
  full.timestamp_ms = 1'700'000'000'000;
  full.partition = 1;
  const auto first = client->write("orders", full);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->partition, 1);
  EXPECT_EQ(first->offset, 0);
  Message tombstone{.key = "alice", .partition = 1};
  EXPECT_EQ(client->write("orders", tombstone)->offset, 1);

  const auto records = client->read({.topics = {"orders"}}, 2, kSoon);
  ASSERT_TRUE(records) << records.error().message;
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ(records->at(0).topic, "orders");
  EXPECT_EQ(records->at(0).partition, 1);
  EXPECT_EQ(records->at(0).offset, 0);
  EXPECT_EQ(records->at(0).timestamp_ms, 1'700'000'000'000);
  EXPECT_EQ(records->at(0).key, "alice");
  EXPECT_EQ(records->at(0).value, "2 apples");
  EXPECT_EQ(records->at(0).headers, full.headers);
  EXPECT_EQ(records->at(1).value, std::nullopt) << "a tombstone";

  const auto second =
      client->read({.topics = {"orders"}, .partitions = {1}, .start = Start::offset(1)}, 1, kSoon);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->at(0).offset, 1);
}

TEST(Client, MessagesOfOneKeyKeepTheirPartitionAndOrder) {
  MockCluster cluster;
  cluster.create("orders", 5);
  const auto client = cluster.client();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client->write("orders", message("alice", std::to_string(i))));
  const auto records = client->read({.topics = {"orders"}}, 20, kSoon);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 20U);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(records->at(static_cast<size_t>(i)).value, std::to_string(i));
    EXPECT_EQ(records->at(static_cast<size_t>(i)).partition, records->front().partition);
  }
}

TEST(Client, ARetriableErrorIsTriedAgainAndNothingIsStoredTwice) {
  MockCluster cluster;
  cluster.create("orders");
  const auto client = cluster.client();
  cluster.answers(MockCluster::kProduce,
                  {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR});
  const auto written = client->write("orders", message("k", "v"));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->offset, 0);
  EXPECT_EQ(client->write("orders", message("k", "w"))->offset, 1);
}

TEST(Client, FindsANewLeader) {
  MockCluster cluster;
  cluster.create("orders");
  cluster.moves_leader("orders", 0, 1);
  const auto client = cluster.client();
  EXPECT_EQ(client->write("orders", message("k", "before"))->offset, 0);
  cluster.moves_leader("orders", 0, 2);
  cluster.takes_down(1);
  const auto written = client->write("orders", message("k", "after"));
  ASSERT_TRUE(written) << written.error().message;
  const auto records = client->read({.topics = {"orders"}}, 2, kSoon);
  ASSERT_TRUE(records);
  EXPECT_EQ(values(*records), (std::vector<std::string>{"before", "after"}));
}

TEST(Client, APermanentErrorIsToldAtOnce) {
  MockCluster cluster;
  cluster.create("orders");
  const auto client = cluster.client({.idempotent = false});
  EXPECT_EQ(client->write("orders", {.value = std::string(2 << 20, 'x')}).error().kind, ErrorKind::too_large);
  EXPECT_TRUE(client->write("orders", message("k", "v"))) << "the client goes on";
  // A message without a key, where the topic is compacted.
  cluster.answers(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_INVALID_RECORD});
  EXPECT_EQ(client->write("orders", {.value = "v"}).error().kind, ErrorKind::invalid);
  cluster.answers(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  EXPECT_EQ(client->write("orders", message("k", "v")).error().kind, ErrorKind::denied);
}

TEST(Client, GivesUpAfterItsDeliveryTimeout) {
  MockCluster cluster(1);
  cluster.create("orders");
  // From the beginning: a first message would have to be through within the 300 ms, however slow the machine is.
  cluster.takes_down(1);
  const auto client = cluster.client({.delivery_timeout = 300ms});
  const auto refused = client->write("orders", message("k", "w"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::timed_out) << refused.error().message;
}

TEST(Client, TellsOfEachMessageOnceAndFlushWaitsForAll) {
  MockCluster cluster;
  cluster.create("orders");
  const auto client = cluster.client();
  std::mutex mutex;
  std::vector<int64_t> offsets;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client->write_async("orders", message("k", std::to_string(i)), [&](Result<Written> done) {
      const std::lock_guard lock(mutex);
      offsets.push_back(done ? done->offset : -1);
    }));
  }
  EXPECT_TRUE(client->flush(kSoon));
  const std::lock_guard lock(mutex);
  ASSERT_EQ(offsets.size(), 100U);
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(offsets[static_cast<size_t>(i)], i);
}

TEST(Client, TellsOfMessagesOnOneThreadAlsoWhileItIsFlushed) {
  MockCluster cluster;
  cluster.create("orders");
  const auto client = cluster.client({.linger = 60s});
  std::mutex mutex;
  std::set<std::thread::id> threads;
  const auto told = [&](const Result<Written>& done) {
    EXPECT_TRUE(done);
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  };
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(client->write_async("orders", message("k", "v"), told));
    EXPECT_TRUE(client->flush(kSoon)) << "what lingers is sent at once";
  }
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(Client, ACallbackThatWritesAgainWhileTheBufferIsFullIsToldSo) {
  MockCluster cluster(1);
  cluster.create("orders");
  cluster.takes_down(1);
  const auto client = cluster.client({.delivery_timeout = 300ms, .buffer_bytes = 8 << 10});
  std::atomic<int> ended{0};
  std::atomic<int> full{0};
  const auto again = [&](const Result<Written>& written) {
    ++ended;
    if (written) return;
    const auto taken =
        client->write_async("orders", message("k", std::string(2000, 'x')), [&](const auto&) { ++ended; });
    if (!taken && taken.error().kind == ErrorKind::full) ++full;
    EXPECT_EQ(client->write("orders", message("k", "v")).error().kind, ErrorKind::invalid);
  };
  for (int i = 0; i < 12; ++i)
    ASSERT_TRUE(client->write_async("orders", message("k", std::string(1000, 'x')), again));
  EXPECT_TRUE(client->flush(60s));
  EXPECT_TRUE(client->flush(60s)) << "what callbacks wrote meanwhile";
  EXPECT_GE(ended, 12);
  EXPECT_GT(full, 0);
}

TEST(Client, AMessageThatTheBufferCanNeverHoldIsRefused) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client({.buffer_bytes = 8 << 10});
  EXPECT_EQ(client->write_async("orders", message("k", std::string(8 << 10, 'x'))).error().kind,
            ErrorKind::too_large);
  EXPECT_TRUE(client->write("orders", message("k", std::string(4 << 10, 'x'))));
}

TEST(Client, AFlushOfNothingIsOverAtOnce) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client();
  EXPECT_TRUE(client->flush(0ms));
  ASSERT_TRUE(client->write("orders", message("k", "v")));
  EXPECT_TRUE(client->flush(0ms));
}

TEST(Client, ClosingItEndsWritesThatWait) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client();
  ASSERT_TRUE(client->write("orders", message("k", "v")));
  cluster.takes_down(1);
  std::atomic<int> told{0};
  ASSERT_TRUE(client->write_async("orders", message("k", "w"), [&](const Result<Written>& written) {
    EXPECT_EQ(written.error().kind, ErrorKind::closed);
    ++told;
  }));
  std::thread writer(
      [&] { EXPECT_EQ(client->write("orders", message("k", "x")).error().kind, ErrorKind::closed); });
  EXPECT_EQ(client->close(200ms).error().kind, ErrorKind::timed_out);
  EXPECT_EQ(told, 1) << "before close returns";
  writer.join();
}

TEST(Client, AValueThatIsRefusedIsNotShown) {
  const auto made = Client::make({.properties = {{"sasl.passwrd", "hunter2"}}});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("sasl.passwrd"), std::string::npos);
  EXPECT_EQ(made.error().message.find("hunter2"), std::string::npos) << made.error().message;
}

TEST(Client, OnceItIsClosedSaysSo) {
  MockCluster cluster;
  cluster.create("orders");
  const auto client = cluster.client();
  EXPECT_TRUE(client->close(10s));
  EXPECT_TRUE(client->close(10s)) << "again does nothing";
  EXPECT_EQ(client->write("orders", message("k", "v")).error().kind, ErrorKind::closed);
  EXPECT_EQ(client->write_async("orders", message("k", "v")).error().kind, ErrorKind::closed);
  EXPECT_EQ(client->flush(1s).error().kind, ErrorKind::closed);
  EXPECT_EQ(client->create_topic("other").error().kind, ErrorKind::closed);
  EXPECT_EQ(client->delete_topic("orders").error().kind, ErrorKind::closed);
  EXPECT_EQ(client->open_reader({.topics = {"orders"}}).error().kind, ErrorKind::closed);
  EXPECT_EQ(client->subscribe({.topics = {"orders"}, .group = "g"}, [](const Record&) {}).error().kind,
            ErrorKind::closed);
}

TEST(Reader, TellsOfAPartitionThatEndsAfterTheRecordsThatCameBefore) {
  MockCluster cluster;
  cluster.create("orders", 2);
  const auto client = cluster.client();
  for (const char* value : {"a", "b", "c"}) {
    Message one = message("k", value);
    one.partition = 0;
    ASSERT_TRUE(client->write("orders", one));
  }
  // The other partition is empty.
  const auto reader = client->open_reader({.topics = {"orders"}, .start = Start::offset(1)});
  ASSERT_TRUE(reader) << reader.error().message;
  std::vector<std::string> read;
  std::optional<Error> told;
  for (int i = 0; i < 100 && !(told && read.size() == 2); ++i) {
    auto some = (*reader)->read(100, 100ms);
    if (!some) {
      EXPECT_FALSE(told) << "once";
      told = some.error();
      continue;
    }
    for (const std::string& value : values(*some)) read.push_back(value);
  }
  EXPECT_EQ(read, (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(told);
}

TEST(Reader, OfATopicThatIsNotThereSaysSo) {
  MockCluster cluster;
  cluster.create("orders");
  const auto client = cluster.client();
  EXPECT_EQ(client->open_reader({.topics = {"orders"}, .partitions = {7}}).error().kind,
            ErrorKind::not_found);
  EXPECT_EQ(client->open_reader({.topics = {}}).error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace godwit::client
