// TCP: listening and connecting.
#pragma once

#include "runtime/real/worker_pool.h"
#include "runtime/stream.h"

namespace godwit::runtime::real {

class TcpNetwork final : public Network {
 public:
  // Names are looked up on `resolver`, which must outlive the network.
  explicit TcpNetwork(WorkerPool& resolver) : resolver_(resolver) {}

  Task<Result<std::unique_ptr<Listener>>> listen(Endpoint at, ListenOptions options) override;
  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, Duration timeout) override;

 private:
  WorkerPool& resolver_;
};

}  // namespace godwit::runtime::real
