#include "runtime/real/socket.h"

#include <cerrno>

namespace godwit::runtime::real {
namespace {

// System calls that one socket makes in a round without waiting, before others are looked at.
constexpr int kShare = 16;

}  // namespace

int Socket::open(Descriptor descriptor) {
  const int error = loop_->watch(descriptor.get(), *this);
  if (error == 0) descriptor_ = std::move(descriptor);
  return error;
}

void Socket::close() {
  if (!descriptor_) return;
  if (loop_ != nullptr) loop_->unwatch(descriptor_.get(), *this);
  descriptor_.reset();
  readable.notify_all();
  writable.notify_all();
}

void Socket::detach() {
  if (descriptor_) loop_->unwatch(descriptor_.get(), *this);
  loop_ = nullptr;
}

int Socket::attach(EventLoop& loop) {
  loop_ = &loop;
  if (!descriptor_) return EBADF;
  // What is there already is the new loop's first event.
  may_read = false;
  share_round_ = 0;
  return loop.watch(descriptor_.get(), *this);
}

bool Socket::used_up_its_share() {
  if (share_round_ != loop_->round()) {
    share_round_ = loop_->round();
    share_left_ = kShare;
  }
  return share_left_-- <= 0;
}

void Socket::on_events(uint32_t events) {
  constexpr uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & kEnd) != 0) hung_up = true;
  if ((events & (EPOLLIN | kEnd)) != 0) {
    may_read = true;
    readable.notify_all();
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
    may_write = true;
    writable.notify_all();
  }
}

}  // namespace godwit::runtime::real
