// The HTTP port: /metrics, /healthz, /readyz.
//
//   auto gateway = co_await Gateway::start(options, runtime, service, registry, diagnostics);
//   …
//   co_await (*gateway)->stop();
//
// Lives on the shard that starts it, which is shard 0 (broker::Service is asked there). What it is given outlives it.
// It may be started before the broker: a probe is then told that the broker is not ready yet.
#pragma once

#include <memory>
#include <string>

#include "base/diagnostic.h"
#include "broker/service.h"
#include "gateway/settings.h"
#include "metrics/registry.h"
#include "runtime/runtime.h"

namespace godwit::gateway {

class Gateway {
 public:
  // Listens; when it returns, requests are answered. Errors: those of Network::listen. Requires options.at.
  static runtime::Task<Result<std::unique_ptr<Gateway>>> start(GatewayOptions options,
                                                               runtime::Runtime& runtime,
                                                               const broker::Service& service,
                                                               metrics::Registry& registry,
                                                               DiagnosticSink& diagnostics);
  virtual ~Gateway() = default;

  // Accepts no more, closes connections that wait, lets an answer under way be sent within the request timeout. To be
  // awaited before the gateway is destroyed.
  virtual runtime::Task<void> stop() = 0;
  // What was bound.
  virtual const runtime::Endpoint& address() const = 0;
};

}  // namespace godwit::gateway
