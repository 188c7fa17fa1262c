// Which request is served by whom.
#pragma once

#include "broker/request.h"

namespace godwit::broker::api {

// Decodes the request, serves it and encodes the answer. An error closes the connection.
runtime::Task<Answer> serve(RequestContext& context);

// Whether there is a handler: what ApiVersions offers.
bool is_served(kafka::ApiKey key);

}  // namespace godwit::broker::api
