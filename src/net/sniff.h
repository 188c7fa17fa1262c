// What a new connection speaks, told from its first bytes: so that a browser, a TLS client or garbage gets a clear
// answer and not a silent close.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"

namespace godwit::net {

enum class Protocol {
  undecided,  // too few bytes yet
  kafka,      // a frame length and a request key as the protocol has them
  http,
  tls,
  garbage,
};

// As many bytes as sniff needs at most to decide.
constexpr size_t kSniffBytes = 8;

// `frame_bytes_max`: longer frames are no Kafka of ours.
Protocol sniff(BytesView first, size_t frame_bytes_max);

// What the operator should read in the diagnostic about such a connection, and what to do.
std::string advice(Protocol protocol);

// A complete HTTP/1.1 response (400) for somebody who opened the Kafka port in a browser.
std::string http_answer(std::string_view http_address);

}  // namespace godwit::net
