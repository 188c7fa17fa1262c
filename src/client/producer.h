// Writes messages and tells how each ended.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "client/handle.h"

namespace godwit::client {

// Any thread. Callbacks run on one thread of its own, which alone serves librdkafka: a second one (as rd_kafka_flush of a
// caller would be) would tell of later messages before earlier ones.
class Producer {
 public:
  static Result<std::unique_ptr<Producer>> make(const Options& options);
  // As end().
  ~Producer();

  // Waits for room in the buffer; in a callback, which would wait for itself, `full` is told instead.
  Result<void> write_async(const std::string& topic, Message message, DeliveryCallback done);
  Result<Written> write(const std::string& topic, Message message);
  // Of what was taken before. Not from a callback, nor is end().
  Result<void> flush(std::chrono::milliseconds timeout);
  // Drops what is not acknowledged; its callbacks, and writers that wait, are told closed. No callback runs afterwards.
  void end();

  const Handle& handle() const { return handle_; }

 private:
  struct Pending;

  Producer(Handle handle, size_t buffer_bytes);
  void poll();
  // Out of its wait for reports.
  void wake_poller();
  void ended_one(uint64_t round);

  Handle handle_;
  const size_t buffer_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Messages under way by the flush that is to wait for them: each flush begins a round.
  std::map<uint64_t, size_t> under_way_;
  uint64_t round_ = 0;
  int flushing_ = 0;
  int waiting_ = 0;  // on changed_
  bool ending_ = false;
  std::thread poller_;
};

}  // namespace godwit::client
