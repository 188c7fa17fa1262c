// A listening TCP socket.
#pragma once

#include <memory>

#include "runtime/real/address.h"
#include "runtime/real/socket.h"
#include "runtime/stream.h"

namespace godwit::runtime::real {

class TcpListener final : public Listener {
 public:
  // Binds and listens. Errors: conflict (port in use), permission, invalid (no such local address or family),
  // limit, io.
  static Result<std::unique_ptr<Listener>> open(EventLoop& loop, const Address& at, ListenOptions options);

  TcpListener(std::unique_ptr<Socket> socket, Endpoint local)
      : socket_(std::move(socket)), local_(std::move(local)) {}

  ~TcpListener() override { socket_->close(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override;
  void close() override { socket_->close(); }
  const Endpoint& local() const override { return local_; }

 private:
  std::shared_ptr<Socket> socket_;  // shared with an accept under way, as in TcpStream
  Endpoint local_;
};

}  // namespace godwit::runtime::real
