#include "net/sniff.h"

#include <algorithm>
#include <array>

#include "base/endian.h"

namespace godwit::net {
namespace {

constexpr std::array<std::string_view, 9> kMethods = {"GET ",   "POST ",    "PUT ",   "HEAD ", "DELETE ",
                                                      "PATCH ", "OPTIONS ", "TRACE ", "PRI * "};
// The highest request key and version that are believed; far above what exists today.
constexpr int16_t kKeyMax = 1000;
constexpr int16_t kVersionMax = 100;
// Key, version and correlation id: no request is shorter.
constexpr int32_t kRequestMin = 8;

enum class Match { no, maybe, yes };

Match is_http(std::string_view text) {
  Match best = Match::no;
  for (const std::string_view method : kMethods) {
    if (text.starts_with(method)) return Match::yes;
    if (method.starts_with(text)) best = Match::maybe;
  }
  return best;
}

}  // namespace

Protocol sniff(BytesView first, size_t frame_bytes_max) {
  if (first.empty()) return Protocol::undecided;
  const Match http = is_http(as_text(first));
  if (http == Match::yes) return Protocol::http;
  // A TLS record: handshake (22), major version 3.
  if (first[0] == std::byte{22} && (first.size() < 2 || first[1] == std::byte{3})) {
    return first.size() < 3 ? Protocol::undecided : Protocol::tls;
  }
  if (first.size() < kSniffBytes) return Protocol::undecided;
  const auto length = load_big<int32_t>(first.data());
  const auto key = load_big<int16_t>(first.data() + 4);
  const auto version = load_big<int16_t>(first.data() + 6);
  const bool believable = length >= kRequestMin && static_cast<size_t>(length) <= frame_bytes_max &&
                          key >= 0 && key <= kKeyMax && version >= 0 && version <= kVersionMax;
  return believable ? Protocol::kafka : Protocol::garbage;
}

std::string advice(Protocol protocol) {
  switch (protocol) {
    case Protocol::http:
      return "an HTTP client spoke to the Kafka port: point it to the HTTP port (--http)";
    case Protocol::tls:
      return "a TLS client spoke to a listener without TLS: set security.protocol=PLAINTEXT in the client";
    case Protocol::garbage:
      return "the first bytes are not a Kafka request (or one larger than the limit): check what connects "
             "here";
    case Protocol::undecided:
      return "the connection ended before a whole request came";
    case Protocol::kafka:
      return "a Kafka client";
  }
  return {};
}

std::string http_answer(std::string_view http_address) {
  std::string body = "This is godwit's Kafka port. It speaks the Kafka protocol, not HTTP.\n";
  if (!http_address.empty())
    body += "HTTP (metrics, health) is at http://" + std::string(http_address) + "/\n";
  return "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace godwit::net
