// Writes messages and tells how each ended.
#pragma once

#include <atomic>
#include <condition_variable>
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
  // Drops what is not acknowledged; its callbacks are told closed.
  ~Producer();

  Result<void> write_async(const std::string& topic, Message message, DeliveryCallback done);
  Result<Written> write(const std::string& topic, Message message);
  // Not from a callback.
  Result<void> flush(std::chrono::milliseconds timeout);
  // Messages taken and not ended.
  size_t under_way() const;

  const Handle& handle() const { return handle_; }

 private:
  explicit Producer(Handle handle);
  void poll();

  Handle handle_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable told_;
  // Flushes that wait.
  std::atomic<int> flushing_{0};
  // How often nothing was under way while one waited.
  uint64_t drained_ = 0;
  std::thread poller_;
};

}  // namespace godwit::client
