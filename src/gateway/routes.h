// Which path is answered by whom.
#pragma once

#include "broker/service.h"
#include "gateway/http.h"
#include "metrics/registry.h"

namespace godwit::gateway {

// 200, 503 (not ready), 404, or 405 with the methods there are. HEAD is answered as GET; the caller leaves out the body.
Response answer(const Request& request, const broker::Service& service, const metrics::Registry& metrics);

}  // namespace godwit::gateway
