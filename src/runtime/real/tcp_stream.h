// A TCP connection as a Stream.
#pragma once

#include <memory>

#include "runtime/real/socket.h"
#include "runtime/stream.h"

namespace godwit::runtime::real {

class TcpStream final : public Stream {
 public:
  // Takes over a connected socket that belongs to the current loop.
  TcpStream(std::unique_ptr<Socket> socket, Endpoint local, Endpoint peer)
      : socket_(std::move(socket)), local_(std::move(local)), peer_(std::move(peer)) {}
  ~TcpStream() override { socket_->close(); }

  Task<Result<size_t>> read_some(MutableBytes into) override;
  Task<Result<void>> write_all(std::span<const BytesView> parts) override;
  void shutdown_write() override;
  void close() override { socket_->close(); }
  void detach() override { socket_->detach(); }
  Result<void> attach() override;
  const Endpoint& local() const override { return local_; }
  const Endpoint& peer() const override { return peer_; }

 private:
  // Errors that the contract of Stream knows: closed, io.
  Error connection_error(int number, const char* doing) const;

  // Shared with the operations under way: a stream that goes before the frame of one (at a shard's end frames
  // go in any order) leaves it a closed socket to look at.
  std::shared_ptr<Socket> socket_;
  Endpoint local_;
  Endpoint peer_;
};

// What every TCP socket of ours has: no delay (Nagle), keep-alive that finds a dead peer in two minutes.
// Connections inherit it from their listener.
void set_tcp_options(int socket);

}  // namespace godwit::runtime::real
