// A non-blocking socket watched by a loop: who waits for it to become readable or writable is made ready.
#pragma once

#include "runtime/real/event_loop.h"
#include "runtime/sync.h"

namespace godwit::runtime::real {

class Socket final : public Watched {
 public:
  explicit Socket(EventLoop& loop) : loop_(&loop) {}
  ~Socket() override { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Takes `descriptor` and registers it. Gives the errno, or 0.
  int open(Descriptor descriptor);
  // Wakes all who wait; they see that it is closed.
  void close();
  // See Stream::detach(), attach(). The latter gives the errno, or 0.
  void detach();
  int attach(EventLoop& loop);
  bool closed() const { return !descriptor_; }
  int get() const { return descriptor_.get(); }
  EventLoop& loop() { return *loop_; }

  // Whether a try may succeed. Set by the kernel's events, cleared by who was told EAGAIN.
  bool may_read = false;
  bool may_write = true;
  // The peer has ended or failed: no further event will announce what is still to be read.
  bool hung_up = false;

  // A read failed: the kernel tells that once and then reports a clean end, which it was not.
  bool broken = false;

  // An operation is under way.
  bool reading = false;
  bool writing = false;

  // Edges: wait only when the try was in vain, then look again.
  Condition readable;
  Condition writable;

  // Whether an operation that needs no waiting should let others run first: it has had its share of this
  // round.
  bool used_up_its_share();

  void on_events(uint32_t events) override;

 private:
  EventLoop* loop_;  // null while it is detached
  Descriptor descriptor_;
  uint64_t share_round_ = 0;
  int share_left_ = 0;
};

}  // namespace godwit::runtime::real
