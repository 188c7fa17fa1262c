// Publishes orders and bills them: the whole client in one file.
//
//   build/release/orders 127.0.0.1:9092
//
// Prints "billed N orders" and ends with 0 when every order came back through the subscription, keys in order.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "godwit/client.h"

using namespace godwit::client;
using namespace std::chrono_literals;

namespace {

constexpr int kOrders = 300;

int complain(const char* what, const Error& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.message.c_str());
  return 1;
}

// What the subscription was given; records may come twice, so the newest number of each customer counts.
struct Books {
  std::mutex mutex;
  std::map<std::string, int> last;
  std::map<std::string, bool> seen;
  bool disorder = false;

  void bill(const Record& record) {
    const std::lock_guard lock(mutex);
    const int number = std::stoi(record.value.value_or("0"));
    int& before = last[record.key.value_or("")];
    // A number that was seen before is a repetition; a smaller one that is new came out of order.
    if (number < before && !seen[*record.value]) disorder = true;
    before = std::max(before, number);
    seen[*record.value] = true;
  }
  size_t count() {
    const std::lock_guard lock(mutex);
    return seen.size();
  }
};

}  // namespace

int main(int count, char** arguments) {
  const std::string topic = count > 2 ? arguments[2] : "orders-example";
  // Before the client, whose callbacks count on it.
  std::atomic<int> failed{0};
  auto client = Client::make({.brokers = count > 1 ? arguments[1] : "127.0.0.1:9092"});
  if (!client) return complain("options", client.error());

  auto created = (*client)->create_topic(topic, {.partitions = 3}, 10s);
  if (!created && created.error().kind != ErrorKind::exists) return complain("create", created.error());

  // One message, and where it was stored.
  auto first = (*client)->write(topic, {.key = "alice", .value = "1", .headers = {{"source", "example"}}});
  if (!first) return complain("write", first.error());
  std::printf("order 1 is at offset %lld of partition %d\n", static_cast<long long>(first->offset),
              first->partition);

  // Many at once; each tells how it ended.
  for (int i = 2; i <= kOrders; ++i) {
    const std::string customer = i % 3 == 0 ? "bob" : "alice";
    auto taken = (*client)->write_async(topic, {.key = customer, .value = std::to_string(i)},
                                        [&failed](const Result<Written>& written) { failed += !written; });
    if (!taken) return complain("write", taken.error());
  }
  if (auto flushed = (*client)->flush(30s); !flushed) return complain("flush", flushed.error());
  if (failed > 0) return 1;

  // A look at what is there, on our own account.
  auto looked = (*client)->read({.topics = {topic}}, kOrders);
  if (!looked) return complain("read", looked.error());
  std::printf("read %zu orders\n", looked->size());

  // And as the group "billing", until all were billed.
  Books books;
  auto subscription = (*client)->subscribe({.topics = {topic}, .group = topic + "-billing"},
                                           [&books](const Record& record) { books.bill(record); });
  if (!subscription) return complain("subscribe", subscription.error());
  for (int i = 0; i < 600 && books.count() < kOrders; ++i) std::this_thread::sleep_for(50ms);
  (*subscription)->unsubscribe();
  std::printf("billed %zu orders\n", books.count());

  if (auto deleted = (*client)->delete_topic(topic); !deleted) return complain("delete", deleted.error());
  if (auto closed = (*client)->close(10s); !closed) return complain("close", closed.error());
  return looked->size() == kOrders && books.count() == kOrders && !books.disorder ? 0 : 1;
}
