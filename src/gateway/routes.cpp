#include "gateway/routes.h"

namespace godwit::gateway {
namespace {

struct Context {
  const broker::Service& service;
  const metrics::Registry& metrics;
};

Response metrics_page(const Context& context) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = context.metrics.prometheus_text()};
}

// That this runs at all is the answer: whoever restarts what does not live should not restart what only recovers.
Response health(const Context&) {
  return {.body = "alive\n"};
}

Response readiness(const Context& context) {
  const auto readiness = context.service.readiness();
  return {
      .status = readiness.ready ? 200 : 503, .body = readiness.text + "\n", .retry_later = !readiness.ready};
}

Response index(const Context&) {
  return {
      .body =
          "godwit\n\n/metrics  for Prometheus\n/healthz  the process lives\n/readyz   clients are served\n"};
}

struct Route {
  std::string_view path;
  Response (*answer)(const Context&);
};

constexpr Route kRoutes[] = {
    {"/", index},
    {"/healthz", health},
    {"/metrics", metrics_page},
    {"/readyz", readiness},
};

}  // namespace

Response answer(const Request& request, const broker::Service& service, const metrics::Registry& metrics) {
  for (const Route& route : kRoutes) {
    if (route.path != request.path) continue;
    if (request.method != "GET" && request.method != "HEAD") {
      return {.status = 405, .body = "only GET and HEAD are served here\n", .allow = "GET, HEAD"};
    }
    return route.answer({service, metrics});
  }
  return {.status = 404, .body = "there is nothing here; / lists what there is\n"};
}

}  // namespace godwit::gateway
