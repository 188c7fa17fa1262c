// Frames of the Kafka protocol: four bytes of length, a header, a body. Reading the length and waiting for
// the rest is the connection's business; here a frame comes without its length.
//
//   Result<RequestFrame> request = parse_request(frame);            // an error: close the connection
//   if (!request->accepted()) …                                     // ApiVersions only: answer
//   api_versions_fallback() Result<MetadataRequest> body = codec::decode<MetadataRequest>(request->body,
//   request->version); Result<Chain> answer = encode_response(request->correlation_id, response,
//   request->version);
//
// Pure; every function may be called from every thread.
#pragma once

#include <optional>
#include <string>

#include "kafka/message.h"

namespace godwit::kafka {

// The bytes in front of a frame that say how long it is.
constexpr size_t kFrameLengthSize = 4;

struct RequestFrame {
  const ApiInfo* api = nullptr;
  int16_t version = 0;
  int32_t correlation_id = 0;
  std::optional<std::string> client_id;
  // Stands at the first byte of the body. Where !accepted(), what follows must not be decoded.
  codec::Input body;

  ApiKey key() const { return api->key; }
  // False only for an ApiVersions request that is too new, which is answered all the same.
  bool accepted() const { return api->accepted.contains(version); }
};

// Reads the header of a request. Errors: unsupported (a request that nobody knows, or a version of it that is
// not taken), corrupt (too short, or lengths that lie). After each of them the connection must be closed
// without an answer, as Kafka does: where the next answer would belong is not known. The message says what
// came, for the operator.
Result<RequestFrame> parse_request(const SharedBytes& frame);

struct ResponseFrame {
  int32_t correlation_id = 0;
  // Stands at the first byte of the body.
  codec::Input body;
};

// Reads the header of the response to a request of this kind and version. Errors: corrupt.
Result<ResponseFrame> parse_response(const SharedBytes& frame, ApiKey key, int16_t version);

// Headers as bytes, for what is put in front of a body. `client_id` is at most codec::kStringSizeMax long.
Bytes request_header(ApiKey key, int16_t version, int32_t correlation_id,
                     const std::optional<std::string>& client_id);
Bytes response_header(ApiKey key, int16_t version, int32_t correlation_id);

// Whole frames, with their length. Errors: those of codec::encode.
template <class Request>
Result<Chain> encode_request(int32_t correlation_id, const std::optional<std::string>& client_id,
                             const Request& request, int16_t version) {
  return codec::encode_framed(request, version,
                              request_header(Request::kApi, version, correlation_id, client_id));
}
template <class Response>
Result<Chain> encode_response(int32_t correlation_id, const Response& response, int16_t version) {
  return codec::encode_framed(response, version, response_header(Response::kApi, version, correlation_id));
}

}  // namespace godwit::kafka
