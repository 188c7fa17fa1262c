#include "runtime/real/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/real/os_error.h"

namespace godwit::runtime::real {
namespace {

// The parts that are still to be sent: the first `skip` bytes of parts[0] are gone.
struct Unsent {
  std::span<const BytesView> parts;
  size_t skip = 0;

  void advance(size_t count) {
    skip += count;
    while (!parts.empty() && skip >= parts.front().size()) {
      skip -= parts.front().size();
      parts = parts.subspan(1);
    }
  }
};

// One sendmsg of as many parts as fit; what it returns. A function of its own, so that the array is not in a
// coroutine's frame.
ssize_t send_once(int socket, const Unsent& unsent) {
  std::array<iovec, 256> pieces;  // below IOV_MAX; more in one call gains nothing
  size_t count = 0;
  size_t skip = unsent.skip;
  for (const BytesView part : unsent.parts) {
    if (count == pieces.size()) break;
    const BytesView rest = part.subspan(skip);
    skip = 0;
    if (rest.empty()) continue;
    // iovec is not const-correct; sendmsg only reads.
    pieces[count++] = {const_cast<std::byte*>(rest.data()), rest.size()};
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Sets a flag for a scope: one read and one write at a time.
class Busy {
 public:
  Busy(bool& flag, const char* why) : flag_(flag) {
    GW_CHECK(!flag_, why);
    flag_ = true;
  }
  ~Busy() { flag_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  bool& flag_;
};

Error closed_by_us() {
  return {ErrorKind::closed, "the connection was closed"};
}

}  // namespace

void set_tcp_options(int socket) {
  const auto set = [socket](int level, int name, int value) {
    // A refusal leaves the system's default, which works too.
    ::setsockopt(socket, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 6);
}

Error TcpStream::connection_error(int number, const char* doing) const {
  Error error = socket_error(number, doing, to_string(peer_));
  // Keep-alive that was not answered and a network that is gone end a connection as a reset does.
  if (error.kind == ErrorKind::timed_out || error.kind == ErrorKind::unavailable)
    error.kind = ErrorKind::closed;
  if (error.kind != ErrorKind::closed) error.kind = ErrorKind::io;
  return error;
}

Task<Result<size_t>> TcpStream::read_some(MutableBytes into) {
  GW_CHECK(!into.empty(), "0 bytes read mean the end, so there must be room for one");
  const std::shared_ptr<Socket> socket = socket_;
  const Busy busy(socket->reading, "one read is under way at a time");
  if (socket->used_up_its_share()) co_await yield();
  for (;;) {
    if (socket->closed()) co_return fail(closed_by_us());
    if (socket->broken) co_return fail(ErrorKind::closed, "the connection has failed before");
    if (!socket->may_read) {
      co_await socket->readable.wait();
      continue;
    }
    const ssize_t count = ::recv(socket->get(), into.data(), into.size(), 0);
    if (count >= 0) {
      // Fewer than asked: the kernel has no more, and announces what comes next, unless the peer has ended.
      if (static_cast<size_t>(count) < into.size() && !socket->hung_up) socket->may_read = false;
      co_return static_cast<size_t>(count);
    }
    if (errno == EAGAIN) {
      socket->may_read = false;
    } else if (errno != EINTR) {
      socket->broken = true;
      co_return fail(connection_error(errno, "read from"));
    }
  }
}

Task<Result<void>> TcpStream::write_all(std::span<const BytesView> parts) {
  const std::shared_ptr<Socket> socket = socket_;
  const Busy busy(socket->writing, "one write is under way at a time");
  Unsent unsent{parts, 0};
  unsent.advance(0);  // over empty parts
  while (!unsent.parts.empty()) {
    if (socket->used_up_its_share()) co_await yield();
    if (socket->closed()) co_return fail(closed_by_us());
    if (!socket->may_write) {
      co_await socket->writable.wait();
      continue;
    }
    const ssize_t count = send_once(socket->get(), unsent);
    if (count >= 0) {
      unsent.advance(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      socket->may_write = false;
    } else if (errno != EINTR) {
      co_return fail(connection_error(errno, "write to"));
    }
  }
  co_return Result<void>();
}

Result<void> TcpStream::attach() {
  const int number = socket_->attach(EventLoop::here());
  if (number == 0) return {};
  if (number == EBADF) return fail(closed_by_us());
  return fail(socket_error(number, "watch", to_string(peer_)));
}

void TcpStream::shutdown_write() {
  // Fails only when the connection is gone, which the next read tells.
  if (!socket_->closed()) ::shutdown(socket_->get(), SHUT_WR);
}

}  // namespace godwit::runtime::real
