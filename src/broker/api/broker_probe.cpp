#include "broker/api/handlers.h"
#include "broker/broker.h"

namespace godwit::broker::api {

Task<kafka::BrokerProbeResponse> handle(RequestContext& context, kafka::BrokerProbeRequest request) {
  Broker& broker = context.shard.broker();
  co_return co_await broker.on_first([&broker, request = std::move(request)] {
    if (broker.knows_cluster()) return broker.metadata().serve_probe(request);
    // It lives, and is not yet anybody.
    kafka::BrokerProbeResponse starting;
    starting.broker_id = broker.options().id;
    return starting;
  });
}

}  // namespace godwit::broker::api
