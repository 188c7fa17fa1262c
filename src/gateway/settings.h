// The settings of the HTTP port.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/values.h"
#include "runtime/stream.h"

namespace godwit::gateway {

struct GatewayOptions {
  // Empty: no HTTP port.
  std::optional<runtime::Endpoint> at;
  size_t connections_max = 256;
  // Of a request's line and headers, and of a body, in bytes.
  size_t header_bytes_max = 16 << 10;
  size_t body_bytes_max = 64 << 10;
  // From the first byte of a request until it is whole; the same for a response until it is taken.
  Duration request_timeout = std::chrono::seconds(10);
  // How long a connection may wait for its next request.
  Duration idle_timeout = std::chrono::seconds(60);
};

std::vector<config::Setting> settings();

// Error invalid, naming the setting and where it was given.
Result<GatewayOptions> options_from(const config::Values& values);

}  // namespace godwit::gateway
