// Subscriptions: callbacks, errors in them, and where the next one goes on.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "client/mock_cluster_testing.h"

namespace godwit::client {
namespace {

using namespace std::chrono_literals;

// What a subscription was given, and somebody who waits for it.
class Given {
 public:
  void add(const Record& record) {
    const std::lock_guard lock(mutex_);
    values_.push_back(record.value.value_or(""));
    changed_.notify_all();
  }
  // What was given, once it is so many or nothing came in time.
  std::vector<std::string> wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 60s, [&] { return values_.size() >= count; });
    return values_;
  }
  // Whether it was given that in time.
  bool wait_for(const std::string& value) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return std::ranges::find(values_, value) != values_.end(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> values_;
};

void write(Client& client, const std::vector<std::string>& values) {
  for (const auto& value : values) {
    const auto written = client.write("orders", {.value = value, .partition = 0});
    ASSERT_TRUE(written) << written.error().message;
  }
}

// The brokers of this process notice by it that a member has gone.
const Options kOptions{.session_timeout = 5s, .properties = {{"heartbeat.interval.ms", "500"}}};
const ReaderOptions kBilling{.topics = {"orders"}, .group = "billing"};

TEST(Subscription, GivesEachRecordInOrderAndTheNextOneGoesOnBehind) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client(kOptions);
  write(*client, {"1", "2", "3"});
  Given first;
  auto subscription = client->subscribe(kBilling, [&](const Record& record) { first.add(record); });
  ASSERT_TRUE(subscription) << subscription.error().message;
  EXPECT_EQ(first.wait_for(3), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_FALSE((*subscription)->error());
  (*subscription)->unsubscribe();
  (*subscription)->unsubscribe();
  write(*client, {"4"});
  Given second;
  auto next = client->subscribe(kBilling, [&](const Record& record) { second.add(record); });
  ASSERT_TRUE(next);
  EXPECT_EQ(second.wait_for(1), std::vector<std::string>{"4"}) << "what was done was committed";
  EXPECT_EQ(first.wait_for(3).size(), 3U) << "and the first is given nothing more";
}

TEST(Subscription, WhoseCallbackThrowsGivesTheSameRecordAgain) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client(kOptions);
  write(*client, {"1", "2"});
  Given given;
  int failures = 2;
  auto subscription = client->subscribe(kBilling, [&](const Record& record) {
    given.add(record);
    if (record.value == "1" && failures-- > 0) throw std::runtime_error("not yet");
  });
  ASSERT_TRUE(subscription);
  EXPECT_EQ(given.wait_for(4), (std::vector<std::string>{"1", "1", "1", "2"}));
}

TEST(Subscription, CanEndWhileItsCallbackFailsAndCommitsNothingOfThat) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client(kOptions);
  write(*client, {"1", "2"});
  Given given;
  auto subscription = client->subscribe(kBilling, [&](const Record& record) {
    given.add(record);
    if (record.value == "2") throw std::runtime_error("never");
  });
  ASSERT_TRUE(subscription);
  // It may be given the second a few times before this looks.
  const auto values = given.wait_for(2);
  EXPECT_EQ((std::vector<std::string>(values.begin(), values.begin() + 2)),
            (std::vector<std::string>{"1", "2"}));
  (*subscription)->unsubscribe();
  Given again;
  auto next = client->subscribe(kBilling, [&](const Record& record) { again.add(record); });
  ASSERT_TRUE(next);
  EXPECT_EQ(again.wait_for(1), std::vector<std::string>{"2"});
}

TEST(Subscription, WhoseCallbackFailsDoesNotHoldUpTheOthers) {
  MockCluster cluster(1);
  cluster.create("orders", 2);
  const auto client = cluster.client(kOptions);
  write(*client, {"bad"});
  ASSERT_TRUE(client->write("orders", {.value = "good", .partition = 1}));
  Given failing;
  auto first = client->subscribe(kBilling, [&](const Record& record) {
    failing.add(record);
    if (record.value == "bad") throw std::runtime_error("never");
  });
  ASSERT_TRUE(first);
  ASSERT_TRUE(failing.wait_for("bad"));
  // Whichever partition it gets, the other member has let it in while its own callback throws.
  Given given;
  std::mutex mutex;
  std::condition_variable changed;
  size_t held = 0;
  auto wanted = kBilling;
  wanted.on_assigned = [&](const std::vector<TopicPartition>& mine) {
    const std::lock_guard lock(mutex);
    held = mine.size();
    changed.notify_all();
  };
  auto second = client->subscribe(wanted, [&](const Record& record) { given.add(record); });
  ASSERT_TRUE(second);
  {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, 60s, [&] { return held == 1; }));
  }
  (*first)->unsubscribe();
  EXPECT_TRUE(given.wait_for("bad")) << "it is the second's to do now";
}

TEST(Subscription, NeedsAGroupAndACallback) {
  MockCluster cluster(1);
  const auto client = cluster.client(kOptions);
  EXPECT_EQ(client->subscribe({.topics = {"orders"}}, [](const Record&) {}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(client->subscribe(kBilling, {}).error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace godwit::client
