// Writes messages and tells how each ended.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "client/handle.h"

namespace godwit::client {

// Any thread. Callbacks run on a thread of its own.
class Producer {
 public:
  static Result<std::unique_ptr<Producer>> make(const Options& options);
  // Drops what is not acknowledged; its callbacks are told closed.
  ~Producer();

  Result<void> write_async(const std::string& topic, Message message, DeliveryCallback done);
  Result<Written> write(const std::string& topic, Message message);
  Result<void> flush(std::chrono::milliseconds timeout);
  // Messages taken and not ended.
  size_t under_way() const;

  const Handle& handle() const { return handle_; }

 private:
  explicit Producer(Handle handle);
  void poll();

  Handle handle_;
  std::atomic<bool> stopping_{false};
  std::thread poller_;
};

}  // namespace godwit::client
