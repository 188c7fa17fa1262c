// Reading records: as a member of a consumer group, or chosen partitions on one's own account.
//
//   auto reader = client.open_reader({.topics = {"orders"}, .group = "billing"});
//   for (;;) {
//     auto records = (*reader)->read(500, std::chrono::seconds(1));
//     if (!records) break;
//     for (const Record& record : *records) bill(record);
//     if (auto done = (*reader)->commit(); !done) complain(done.error().message);
//   }
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "godwit/record.h"
#include "godwit/result.h"

namespace godwit::client {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// Where reading begins.
struct Start {
  enum class Kind { beginning, end, offset, timestamp };
  Kind kind = Kind::beginning;
  int64_t value = 0;

  static Start beginning() { return {}; }
  // With what is written from now on.
  static Start end() { return {Kind::end, 0}; }
  static Start offset(int64_t offset) { return {Kind::offset, offset}; }
  // The first record that is not older. Milliseconds since 1970.
  static Start timestamp(int64_t ms) { return {Kind::timestamp, ms}; }
};

struct ReaderOptions {
  std::vector<std::string> topics;
  // With a group, partitions are shared among its members, and reading goes on where the group committed. Without, all
  // partitions of the topics are read, and those that are added later from their beginning, a few seconds after they were
  // (Options::partitions_refresh).
  std::string group{};
  // Without a group: only these partitions of the one topic. Empty: all.
  std::vector<int32_t> partitions{};
  // With a group: where partitions begin that it has no commit for (beginning or end), added ones among them. Without: where
  // those begin that there are when the reader is opened.
  Start start{};
  // With a group: called after each change with all partitions that this member has now (none where they were taken away),
  // inside read() or, for a subscription, on its thread, before any record of theirs is given. May ask, commit or close the
  // reader. Must not throw.
  std::function<void(const std::vector<TopicPartition>& mine)> on_assigned{};
};

// One thread at a time, but for close(), which any may call.
//
// A member of a group reads on: its partitions move to others and to it inside read(), and others wait for that. Who does not
// call read() for five minutes (max.poll.interval.ms) loses its partitions.
class Reader {
 public:
  virtual ~Reader() = default;

  // Waits up to `wait` for a first record, then takes what is there, up to `records_max`. Empty when the time passed
  // without any, or, before that, when the last partition has just told that its end is reached (at_end). A record is given again after a restart or rebalance unless it was committed: at least once, in order
  // within its partition. Errors that pass by themselves (a broker down, an election) are not told: reading goes on when
  // they are over. Errors: not_found (a topic that brokers did not know for three seconds), denied, invalid (the start lies
  // outside the log), fatal (librdkafka cannot go on: open another), closed.
  virtual Result<std::vector<Record>> read(size_t records_max, std::chrono::milliseconds wait) = 0;

  // With a group: commits all that read() returned of the partitions that this member still has, and waits until it is stored.
  // What was given before a partition was taken away is not committed, also when it came back: another may have gone
  // further. On an error call it again after the next read; records may then come twice. Without a group: does nothing.
  virtual Result<void> commit() = 0;

  // Whether every partition that is read was at its end at the last look. False with a group that has no partition yet.
  virtual bool at_end() const = 0;

  // Whether somebody answered yet: with a group, that this member was let in (partitions or not); without, that a partition
  // gave a record or said that there is none. Once true it stays. For who will not wait for ever.
  virtual bool reached() const = 0;

  // Leaves the group, so that others take over at once, without committing. A read under way ends with closed.
  virtual void close() = 0;
};

}  // namespace godwit::client
