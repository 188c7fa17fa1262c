// godwit's C++ client: create, write, read, subscribe, unsubscribe, delete.
//
//   using namespace godwit::client;
//   auto client = Client::make({.brokers = "b1:9092,b2:9092"});
//   if (!client) …
//   (*client)->create_topic("orders", {.partitions = 6});
//   (*client)->write("orders", {.key = "alice", .value = "2 apples"});
//   auto subscription = (*client)->subscribe({.topics = {"orders"}, .group = "billing"}, [](const Record& r) { bill(r); });
//
// It stands on librdkafka, whose connections, retries and discovery of brokers it takes with settings for a cluster whose
// brokers fail: any living broker of the list is enough to begin with, a new leader is found within a quarter of a second
// or so, a broker that hangs is left after two to three seconds. Link with godwit_client and rdkafka. C++20.
//
// Every function may be called from every thread. The client must outlive its readers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "godwit/reader.h"
#include "godwit/record.h"
#include "godwit/result.h"

namespace godwit::client {

// What an acknowledgement waits for.
enum class Acks {
  all,     // every replica in sync has stored it (and, as godwit's topics are by default, synced it to disk)
  leader,  // the leader has
  none,    // it was sent
};

enum class Compression { none, gzip, snappy, lz4, zstd };

struct Options {
  // HOST:PORT, separated by commas. A few are enough: the rest is learned from them.
  std::string brokers = "127.0.0.1:9092";
  // Sent with every request; `godwit group describe` and Kafka's tools show it for each member of a group.
  std::string client_id = "godwit";
  Acks acks = Acks::all;
  // No message is stored twice or out of order by a retry. Needs Acks::all; with other acks it is off.
  bool idempotent = true;
  Compression compression = Compression::none;
  // How long a message waits for company in its batch. Messages that come while one batch is under way share the next
  // anyhow.
  std::chrono::milliseconds linger{1};
  // From write to giving up, all retries included.
  std::chrono::milliseconds delivery_timeout{120'000};
  // A broker that does not answer for so long (looked at once a second) is left and another asked. Below the brokers' session timeout:
  // what was sent to one that hangs is free again when its successor is elected.
  std::chrono::milliseconds broker_timeout{2'000};
  // How often it is looked which broker leads what; bounds how long a failover goes unnoticed.
  std::chrono::milliseconds metadata_refresh{250};
  // How often a reader without a group looks what became of its topics (partitions added, deleted), with one small request.
  std::chrono::milliseconds partitions_refresh{5'000};
  // Memory for messages that wait to be sent. More makes write_async wait.
  size_t buffer_bytes = size_t{64} << 20;
  // Group members that are silent for so long lose their partitions to others.
  std::chrono::milliseconds session_timeout{10'000};
  // Passed on to librdkafka under its own names, after everything else.
  std::vector<std::pair<std::string, std::string>> properties{};
  // What librdkafka has to say, a line each, for diagnosis. Called on its threads; empty: it is not told.
  std::function<void(const std::string& line)> diagnostics{};
};

struct TopicOptions {
  int32_t partitions = -1;          // -1: as the broker is configured
  int16_t replication_factor = -1;  // the same
  // Kafka's names: {"retention.ms", "3600000"}.
  std::vector<std::pair<std::string, std::string>> config{};
};

// Called once for each message of write_async, on one thread of the client: one call after the other, those of a
// partition in the order in which they were written; none after close. Must neither wait long nor throw. It may call write_async,
// which tells `full` there instead of waiting, and must not call write, flush or close.
using DeliveryCallback = std::function<void(Result<Written>)>;

// Called for each record of a subscription, on a thread of its own, in order within a partition. When it returns, the
// record is done and will be committed. When it throws, the same record is given again after a pause (100 ms, doubling to
// 5 s) until it returns, or its partition has gone to another member: nothing is skipped. Records may come twice after a crash, a rebalance or a lost commit: what is
// done with them must bear that.
using RecordCallback = std::function<void(const Record&)>;

// An ongoing subscription. Destroying it unsubscribes.
class Subscription {
 public:
  virtual ~Subscription() = default;
  // Ends it: the callback that runs ends first, what is done is committed, the group is left. Must not be called from
  // the callback itself. Again: does nothing.
  virtual void unsubscribe() = 0;
  // Why no more records come, once it ended by itself (topic deleted, access denied); empty while it goes on. A topic that is
  // not known is waited for, for some seconds: a broker may not have heard of it yet.
  virtual std::optional<Error> error() const = 0;
};

class Client {
 public:
  // Needs no broker yet. Error: invalid, naming the option.
  static Result<std::unique_ptr<Client>> make(Options options);
  // Sends what waits, for up to delivery_timeout, then closes.
  virtual ~Client() = default;

  // Waits up to `timeout` for the answer: the topic is there then. A broker that hangs may not have heard of it yet; a first
  // write, readers and subscriptions bear with that for some seconds. Errors: exists, invalid (name, counts, config), denied,
  // unavailable, timed_out (it may be there), closed.
  virtual Result<void> create_topic(const std::string& topic, const TopicOptions& options = {},
                                    std::chrono::milliseconds timeout = std::chrono::seconds(30)) = 0;
  // The topic and all its records. Errors: not_found, denied, unavailable, timed_out, closed.
  virtual Result<void> delete_topic(const std::string& topic,
                                    std::chrono::milliseconds timeout = std::chrono::seconds(30)) = 0;

  // Writes one message and waits for its acknowledgement. Errors: timed_out (it may be stored), invalid (a partition or
  // timestamp that cannot be, or that the topic does not take; no key where it is compacted), too_large, not_found, denied,
  // unavailable, fatal, closed.
  virtual Result<Written> write(const std::string& topic, Message message) = 0;
  // Takes the message and returns; `done` tells how it ended. Waits while the buffer is full. An error means that the
  // message was not taken and `done` is not called: invalid, too_large, not_found, full (in a callback), closed, fatal.
  // What `done` is told: the errors of write.
  virtual Result<void> write_async(const std::string& topic, Message message, DeliveryCallback done = {}) = 0;
  // Waits until every message taken so far has ended, well or not. Errors: timed_out, some are still under way; closed.
  virtual Result<void> flush(std::chrono::milliseconds timeout) = 0;

  // Reads up to `records_max` records, and returns before that when no more came for `wait` or all partitions were read to
  // their end. With a group it commits what it returns. For more than a look use open_reader. Errors: those of open_reader,
  // Reader::read and Reader::commit.
  virtual Result<std::vector<Record>> read(const ReaderOptions& options, size_t records_max,
                                           std::chrono::milliseconds wait = std::chrono::seconds(1)) = 0;
  // Without a group it asks a broker, for ten seconds at most. Errors: invalid, closed; without a group not_found (a topic or
  // partition, when brokers have said so for three seconds), denied, unavailable, timed_out, too.
  virtual Result<std::unique_ptr<Reader>> open_reader(ReaderOptions options) = 0;
  // Calls `callback` for each record as a member of options.group, which must be named. Errors: invalid, closed.
  virtual Result<std::unique_ptr<Subscription>> subscribe(ReaderOptions options, RecordCallback callback) = 0;

  // flush, then an end: writes under way end with closed. Messages that were not acknowledged by then are dropped, and
  // their callbacks told closed, before this returns. Error: timed_out, some were. Again: does nothing. Not from a callback.
  virtual Result<void> close(std::chrono::milliseconds timeout) = 0;
};

}  // namespace godwit::client
