#include "connection.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/endian.h"

namespace godwit::compare {

Connection::Connection(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) == 0) {
    for (addrinfo* at = found; at != nullptr && socket_ < 0; at = at->ai_next) {
      socket_ = ::socket(at->ai_family, at->ai_socktype, 0);
      if (socket_ >= 0 && ::connect(socket_, at->ai_addr, at->ai_addrlen) != 0) {
        ::close(socket_);
        socket_ = -1;
      }
    }
    freeaddrinfo(found);
  }
  if (socket_ < 0) {
    std::fprintf(stderr, "compare_answers: nobody listens at %s:%u\n", address.host.c_str(),
                 unsigned{address.port});
    std::exit(3);
  }
}

Connection::~Connection() {
  ::close(socket_);
}

bool Connection::send(BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(sent));
  }
  return true;
}

void Connection::finish_sending() {
  ::shutdown(socket_, SHUT_WR);
}

Reply::Kind Connection::read(MutableBytes into, int wait_ms) {
  while (!into.empty()) {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, wait_ms) <= 0) return Reply::Kind::silence;
    const ssize_t got = ::recv(socket_, into.data(), into.size(), 0);
    if (got <= 0) return Reply::Kind::closed;
    into = into.subspan(static_cast<size_t>(got));
  }
  return Reply::Kind::frame;
}

Reply Connection::receive(int wait_ms) {
  std::byte length[4];
  if (const auto kind = read(length, wait_ms); kind != Reply::Kind::frame) return {kind};
  Bytes frame(load_big<uint32_t>(length));
  if (const auto kind = read(frame, wait_ms); kind != Reply::Kind::frame) return {kind};
  return {Reply::Kind::frame, SharedBytes::own(std::move(frame))};
}

}  // namespace godwit::compare
