#include "runtime/real/tcp_listener.h"

#include <cerrno>

#include "runtime/real/os_error.h"
#include "runtime/real/tcp_stream.h"

namespace godwit::runtime::real {

Result<std::unique_ptr<Listener>> TcpListener::open(EventLoop& loop, const Address& at,
                                                    ListenOptions options) {
  const std::string name = to_string(to_endpoint(at));
  const auto failed = [&name](int number) -> Result<std::unique_ptr<Listener>> {
    Error error = socket_error(number, "listen on", name);
    if (error.kind == ErrorKind::conflict) {
      error.message +=
          "; another process (or another listener) uses this port: choose a different one or stop it";
    }
    return fail(std::move(error));
  };
  Descriptor descriptor(::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return failed(errno);
  const auto set = [&descriptor](int level, int option, int value) {
    return ::setsockopt(descriptor.get(), level, option, &value, sizeof value) == 0;
  };
  // A restarted broker may bind while connections of the old one are still in TIME_WAIT.
  if (!set(SOL_SOCKET, SO_REUSEADDR, 1)) return failed(errno);
  if (options.shared && !set(SOL_SOCKET, SO_REUSEPORT, 1)) return failed(errno);
  if (at.family() == AF_INET6) {
    // All addresses means IPv4 too; a given v6 address means itself.
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(at.storage);
    set(IPPROTO_IPV6, IPV6_V6ONLY, IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) ? 0 : 1);
  }
  set_tcp_options(descriptor.get());
  if (::bind(descriptor.get(), at.get(), at.size) != 0) return failed(errno);
  if (::listen(descriptor.get(), options.backlog) != 0) return failed(errno);
  auto local = local_of(descriptor.get());
  if (!local) return failed(errno);
  auto socket = std::make_unique<Socket>(loop);
  if (const int error = socket->open(std::move(descriptor))) return failed(error);
  return std::make_unique<TcpListener>(std::move(socket), std::move(*local));
}

Task<Result<std::unique_ptr<Stream>>> TcpListener::accept() {
  const std::shared_ptr<Socket> socket = socket_;
  for (;;) {
    if (socket->used_up_its_share()) co_await yield();
    if (socket->closed()) co_return fail(ErrorKind::closed, "the listener was closed");
    if (!socket->may_read) {
      co_await socket->readable.wait();
      continue;
    }
    Address peer;
    peer.size = sizeof peer.storage;
    Descriptor descriptor(::accept4(socket->get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                                    SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (descriptor) {
      auto local = local_of(descriptor.get());
      auto accepted = std::make_unique<Socket>(socket->loop());
      if (const int error = accepted->open(std::move(descriptor))) {
        co_return fail(socket_error(error, "accept on", to_string(local_)));
      }
      co_return std::make_unique<TcpStream>(std::move(accepted), local ? std::move(*local) : local_,
                                            to_endpoint(peer));
    }
    switch (errno) {
      case EAGAIN:
        socket->may_read = false;
        break;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM: {
        Error error = socket_error(errno, "accept on", to_string(local_));
        error.message += "; the connection waits until descriptors are free";
        co_return fail(std::move(error));
      }
      case EBADF:
      case ENOTSOCK:
      case EINVAL:
      case EOPNOTSUPP:
      case EFAULT:
        co_return fail(ErrorKind::io, socket_error(errno, "accept on", to_string(local_)).message);
      default:
        // The connection, not the listener, failed (ECONNABORTED, EPROTO, ENETDOWN, …): the next one, please.
        break;
    }
  }
}

}  // namespace godwit::runtime::real
