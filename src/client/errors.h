// librdkafka's error codes as the client's errors.
#pragma once

#include <string>

#include "godwit/result.h"

namespace godwit::client {

// `code` is an rd_kafka_resp_err_t. `what` says in a few words what failed; "no such topic" and the like are added.
Error error_from(int code, const std::string& what);

// The same with the library's own sentence.
Error error_from(int code, const std::string& what, const char* reason);

}  // namespace godwit::client
