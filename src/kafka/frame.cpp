#include "kafka/frame.h"

#include "base/check.h"
#include "base/endian.h"
#include "codec/define.h"
#include "kafka/headers.h"

GODWIT_CODEC(godwit::kafka::RequestHeader);
GODWIT_CODEC(godwit::kafka::ResponseHeader);

namespace godwit::kafka {
namespace {

std::string range_text(codec::VersionRange range) {
  return std::to_string(range.first) + " to " + std::to_string(range.last);
}

}  // namespace

Result<RequestFrame> parse_request(const SharedBytes& frame) {
  // Which header it is depends on the first two fields, which all versions have in common.
  constexpr size_t kFixedSize = 8;
  if (frame.size() < kFixedSize) {
    return fail(ErrorKind::corrupt, "a request of " + std::to_string(frame.size()) +
                                        " bytes, where its key, version and correlation id alone take 8");
  }
  const auto key = load_big<int16_t>(frame.data());
  const auto version = load_big<int16_t>(frame.data() + 2);
  const ApiInfo* api = find_api(key);
  if (api == nullptr) {
    return fail(ErrorKind::unsupported,
                "request with the unknown API key " + std::to_string(key) + " v" + std::to_string(version));
  }
  const bool accepted = api->accepted.contains(version);
  if (!accepted && (api->key != ApiKey::api_versions || version < 0)) {
    return fail(ErrorKind::unsupported, std::string(api->name) + " v" + std::to_string(version) +
                                            ": versions " + range_text(api->accepted) + " are accepted");
  }
  codec::Input in(frame);
  auto header = codec::decode<RequestHeader>(in, api->request_header_version(version));
  if (!header) {
    return fail(header.error().kind,
                std::string(api->name) + " v" + std::to_string(version) + ": " + header.error().message);
  }
  return RequestFrame{api, version, header->correlation_id, std::move(header->client_id), std::move(in)};
}

Result<ResponseFrame> parse_response(const SharedBytes& frame, ApiKey key, int16_t version) {
  const ApiInfo& api = api_info(key);
  codec::Input in(frame);
  auto header = codec::decode<ResponseHeader>(in, api.response_header_version(version));
  if (!header) {
    return fail(header.error().kind, "response to " + std::string(api.name) + " v" + std::to_string(version) +
                                         ": " + header.error().message);
  }
  return ResponseFrame{header->correlation_id, std::move(in)};
}

Bytes request_header(ApiKey key, int16_t version, int32_t correlation_id,
                     const std::optional<std::string>& client_id) {
  const RequestHeader header{static_cast<int16_t>(key), version, correlation_id, client_id};
  const auto encoded = codec::encode(header, api_info(key).request_header_version(version));
  GW_CHECK(encoded, "a client id fits into a header");
  return encoded->flatten();
}

Bytes response_header(ApiKey key, int16_t version, int32_t correlation_id) {
  // Written by hand: one is made for every answer.
  const bool tagged = api_info(key).response_header_version(version) == 1;
  Bytes header(tagged ? 5 : 4);
  store_big(header.data(), correlation_id);
  return header;
}

}  // namespace godwit::kafka
