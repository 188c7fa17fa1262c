// Which request is served by whom.
#pragma once

#include "broker/request.h"

namespace godwit::broker::api {

// Decodes the request, serves it and encodes the answer. An error closes the connection.
runtime::Task<Answer> serve(RequestContext& context);

// The same, for a request that another broker handed on: it goes nowhere else.
runtime::Task<Answer> serve_here(RequestContext& context);

// Whether there is a handler: what ApiVersions offers.
bool is_served(kafka::ApiKey key);

// Whether only the broker that holds the controller's office can serve it; the others hand it on.
bool is_the_controllers(kafka::ApiKey key);

}  // namespace godwit::broker::api
