#include "gateway/settings.h"

namespace godwit::gateway {
namespace {

using config::Setting;
using config::Type;

constexpr Setting kSettings[] = {
    {.name = "http.address",
     .fallback = ":8080",
     .alias = "http",
     .doc = "HOST:PORT of metrics and health; without HOST on all addresses, with port 0 on a free one; "
            "`off`: none"},
    {.name = "http.idle.timeout.ms",
     .type = Type::duration_ms,
     .fallback = "60000",
     .minimum = 1,
     .doc = "closes an HTTP connection that waits for its next request for so long"},
    {.name = "http.max.body.bytes",
     .type = Type::bytes,
     .fallback = "65536",
     .minimum = 0,
     .maximum = 1 << 30,
     .doc = "the largest body of an HTTP request"},
    {.name = "http.max.connections",
     .type = Type::integer,
     .fallback = "256",
     .minimum = 1,
     .maximum = 100000,
     .doc = "HTTP connections; more are told to try again"},
    {.name = "http.request.timeout.ms",
     .type = Type::duration_ms,
     .fallback = "10000",
     .minimum = 1,
     .doc = "how long an HTTP request may take to arrive, and its answer to be taken"},
};

}  // namespace

std::vector<Setting> settings() {
  return {std::begin(kSettings), std::end(kSettings)};
}

Result<GatewayOptions> options_from(const config::Values& values) {
  GatewayOptions options;
  if (const std::string& at = values.text("http.address"); at != "off") {
    auto endpoint = runtime::parse_endpoint(at);
    if (!endpoint) {
      const std::string& where = values.of("http.address").where;
      return fail(ErrorKind::invalid,
                  (where.empty() ? "" : where + ": ") + "http.address: " + endpoint.error().message);
    }
    options.at = std::move(*endpoint);
  }
  options.connections_max = static_cast<size_t>(values.integer("http.max.connections"));
  options.body_bytes_max = values.bytes("http.max.body.bytes");
  options.request_timeout = values.duration("http.request.timeout.ms");
  options.idle_timeout = values.duration("http.idle.timeout.ms");
  return options;
}

}  // namespace godwit::gateway
