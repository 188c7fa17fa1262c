#include "runtime/real/network.h"

#include <cerrno>

#include "runtime/real/address.h"
#include "runtime/real/os_error.h"
#include "runtime/real/tcp_listener.h"
#include "runtime/real/tcp_stream.h"

namespace godwit::runtime::real {
namespace {

// What a look-up and who waits for it share: the look-up cannot be stopped, so it may outlive the wait.
struct Resolution {
  std::optional<Result<std::vector<Address>>> result;
  Condition done;
};

Task<Result<std::vector<Address>>> resolve(WorkerPool& resolver, Endpoint endpoint,
                                           std::optional<MonotonicTime> deadline) {
  if (const auto numeric = parse_numeric(endpoint)) co_return std::vector{*numeric};
  auto shared = std::make_shared<Resolution>();
  EventLoop& loop = EventLoop::here();
  const bool taken = resolver.submit([shared, &loop, endpoint]() mutable {
    auto found = resolve_blocking(endpoint);
    loop.post([shared = std::move(shared), found = std::move(found)]() mutable {
      shared->result.emplace(std::move(found));
      shared->done.notify_all();
    });
  });
  if (!taken) co_return fail(ErrorKind::closed, "the runtime is stopping");
  while (!shared->result) {
    if (!deadline) {
      co_await shared->done.wait();
    } else if (!co_await shared->done.wait_until(*deadline) && !shared->result) {
      co_return fail(ErrorKind::timed_out, "look up " + endpoint.host + ": no answer in time");
    }
  }
  co_return std::move(*shared->result);
}

Result<std::unique_ptr<Stream>> make_stream(std::unique_ptr<Socket> socket, const Address& to) {
  auto local = local_of(socket->get());
  if (!local)
    return fail(ErrorKind::closed, "connect to " + to_string(to_endpoint(to)) + ": it is closed again");
  return std::make_unique<TcpStream>(std::move(socket), std::move(*local), to_endpoint(to));
}

Task<Result<std::unique_ptr<Stream>>> connect_one(Address to, MonotonicTime deadline) {
  const std::string name = to_string(to_endpoint(to));
  Descriptor descriptor(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) co_return fail(socket_error(errno, "connect to", name));
  set_tcp_options(descriptor.get());
  bool connected = true;
  if (::connect(descriptor.get(), to.get(), to.size) != 0) {
    // Interrupted means the same as in progress: it goes on by itself.
    if (errno != EINPROGRESS && errno != EINTR) co_return fail(socket_error(errno, "connect to", name));
    connected = false;
  }
  auto socket = std::make_unique<Socket>(EventLoop::here());
  // Registered after connect: before it, a socket is reported as hung up.
  if (const int error = socket->open(std::move(descriptor))) {
    co_return fail(socket_error(error, "connect to", name));
  }
  if (!connected) {
    // The first event that tells "writable" ends the attempt, well or not.
    socket->may_write = false;
    while (!socket->may_write) {
      if (!co_await socket->writable.wait_until(deadline) && !socket->may_write) {
        co_return fail(ErrorKind::timed_out, "connect to " + name + ": no answer in time");
      }
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket->get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) co_return fail(socket_error(error, "connect to", name));
  }
  co_return make_stream(std::move(socket), to);
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> TcpNetwork::connect(Endpoint to, Duration timeout) {
  Shard& shard = EventLoop::here();
  const MonotonicTime deadline = shard.now() + timeout;
  if (to.host.empty()) co_return fail(ErrorKind::invalid, "a connection needs a host");
  auto addresses = co_await resolve(resolver_, to, deadline);
  if (!addresses) co_return fail(addresses.error());
  Error last{ErrorKind::not_found, to.host + " has no address"};
  for (size_t i = 0; i < addresses->size(); ++i) {
    // An address that never answers leaves the others their share of the time.
    const MonotonicTime now = shard.now();
    const auto share = (deadline - now) / static_cast<int64_t>(addresses->size() - i);
    auto stream = co_await connect_one((*addresses)[i], now + share);
    if (stream) co_return stream;
    last = stream.error();
    // Without descriptors the other addresses fail as well.
    if (last.kind == ErrorKind::limit) break;
  }
  if (last.kind == ErrorKind::unavailable) last.kind = ErrorKind::io;  // no route: the contract's word for it
  co_return fail(std::move(last));
}

Task<Result<std::unique_ptr<Listener>>> TcpNetwork::listen(Endpoint at, ListenOptions options) {
  EventLoop& loop = EventLoop::here();
  if (at.host.empty()) {
    auto both = TcpListener::open(loop, any_address_v6(at.port), options);
    // A machine without IPv6.
    if (!both && both.error().kind == ErrorKind::invalid) {
      co_return TcpListener::open(loop, any_address_v4(at.port), options);
    }
    co_return both;
  }
  auto addresses = co_await resolve(resolver_, at, std::nullopt);
  if (!addresses) co_return fail(addresses.error());
  Error last{ErrorKind::invalid, at.host + " has no address"};
  for (const Address& address : *addresses) {
    auto listener = TcpListener::open(loop, address, options);
    if (listener) co_return listener;
    last = listener.error();
    if (last.kind != ErrorKind::invalid) break;
  }
  co_return fail(std::move(last));
}

}  // namespace godwit::runtime::real
