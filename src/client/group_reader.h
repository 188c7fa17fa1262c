// A reader that is a member of a consumer group.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>

#include "client/handle.h"
#include "client/holding.h"
#include "client/missing.h"

namespace godwit::client {

class GroupReader final : public Reader {
 public:
  static Result<std::unique_ptr<GroupReader>> make(const Options& options, const ReaderOptions& wanted);
  ~GroupReader() override;

  Result<std::vector<Record>> read(size_t records_max, std::chrono::milliseconds wait) override;
  Result<void> commit() override;
  bool at_end() const override;
  bool reached() const override;
  void close() override;

  // For who does one record after the other. Of a partition that has left since it was read: nothing happens.
  void done(const Record& record);
  // Commits what is done, where commit() would commit what was given. Nothing done: does nothing.
  Result<void> commit_done();
  // Whether a record of the last read() is still this member's to do.
  bool is_ours(const Record& record) const;
  // Waits, or less, taking no records, so that those who come and go need not wait for this member. read() goes on then.
  void idle(std::chrono::milliseconds wait);

 private:
  // Only touched with polling_ held: librdkafka calls back inside a poll or a close.
  struct State {
    Holding held;
    // Taken from librdkafka, and not given yet.
    std::vector<Record> batch;
    // Partitions that left, or came, since read() last gave records: those records are not ours.
    std::set<TopicPartition> moved;
    // Assignments of which nobody was told yet.
    std::deque<std::vector<TopicPartition>> changes;
    // What idle() keeps from being read.
    std::set<TopicPartition> paused;

    void rebalance(bool assigned, const std::vector<TopicPartition>& partitions);
  };
  enum class Polled { nothing, something, end };

  GroupReader(Handle handle, std::shared_ptr<State> state, const ReaderOptions& wanted)
      : handle_(std::move(handle)), state_(std::move(state)), on_assigned_(wanted.on_assigned) {}
  // Takes the next thing that librdkafka has. Error: reading ends.
  Result<Polled> poll(std::chrono::milliseconds wait);
  void pause();
  void resume();
  void tell_changes();
  Result<void> commit(const Holding::Progress& progress);

  Handle handle_;
  // While librdkafka is polled, so that close() does not take it away.
  mutable std::mutex polling_;
  std::atomic<bool> closed_{false};
  Missing missing_;
  bool left_ = false;
  bool idled_ = false;
  // Why reading ends; told by the read that has nothing else to give.
  std::optional<Error> error_;
  std::shared_ptr<State> state_;
  std::function<void(const std::vector<TopicPartition>&)> on_assigned_;
};

}  // namespace godwit::client
