// What is no sound request: unknown requests and versions, garbage, cut and oversized frames.
#include "base/endian.h"
#include "kafka/headers.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/metadata.h"
#include "script.h"

namespace godwit::compare {
namespace {

Bytes framed(Bytes content, int64_t length = -1) {
  Bytes out(4);
  store_big(out.data(), static_cast<uint32_t>(length < 0 ? static_cast<int64_t>(content.size()) : length));
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

// A header v1 without a client id.
Bytes header(int16_t key, int16_t version) {
  Bytes out(10);
  store_big(out.data(), key);
  store_big(out.data() + 2, version);
  store_big(out.data() + 4, int32_t{1});
  store_big(out.data() + 8, int16_t{-1});
  return out;
}

Bytes and_then(Bytes head, std::initializer_list<int> rest) {
  for (const int byte : rest) head.push_back(static_cast<std::byte>(byte));
  return head;
}

}  // namespace

void ask_frames(Script& s) {
  s.send_raw("unknown request 999", framed(header(999, 0)));
  s.send_raw("unknown request -1", framed(header(-1, 0)));
  s.send_raw("request between brokers", framed(header(4, 5)));
  s.send_raw("Metadata of a version to come", framed(header(3, 99)));
  s.send_raw("Metadata of a negative version", framed(header(3, -1)));
  s.send_raw("Fetch of a version that is gone", framed(header(1, 3)));
  s.send_raw("Produce of a version that is advertised but gone", framed(header(0, 2)));
  s.send_raw("ApiVersions of a version to come", framed(and_then(header(18, 99), {0})));
  s.send_raw("ApiVersions of a negative version", framed(header(18, -1)));
  s.send_raw("an empty frame", framed({}));
  s.send_raw("a header cut short", framed(Bytes(5)));
  s.send_raw("a negative length", framed(header(18, 0), 0xffffffff));
  s.send_raw("a length beyond the limit", framed(header(18, 0), 0x7fffffff));
  s.send_raw("a frame cut short", framed(header(18, 0), 100), true);
  s.send_raw("half a length", Bytes(2), true);
  s.send_raw("a body cut short", framed(and_then(header(3, 1), {0, 0, 0, 5, 0, 9})));
  s.send_raw("an array that is longer than the frame",
             framed(and_then(header(3, 1), {0x7f, 0xff, 0xff, 0xff})));
  s.send_raw("a string longer than the frame", framed(and_then(header(3, 1), {0, 0, 0, 1, 0x7f, 0xff, 'a'})));
  s.send_raw("a negative string length", framed(and_then(header(3, 1), {0, 0, 0, 1, 0xff, 0xfe})));
  s.send_raw("null where none may be", framed(and_then(header(3, 1), {0, 0, 0, 1, 0xff, 0xff})));
  s.send_raw("a negative array length", framed(and_then(header(3, 1), {0xff, 0xff, 0xff, 0xfe})));
  s.send_raw("bytes after the body", framed(and_then(header(18, 0), {1, 2, 3})));
  s.send_raw("a varint that does not end",
             framed(and_then(header(3, 12), {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})));
  s.send_raw("HTTP", as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  s.send_raw("a TLS hello", and_then({}, {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3}), true);
  s.send_raw("SSH", as_bytes("SSH-2.0-OpenSSH_9.2p1\r\n"));
  // A version to come of ApiVersions is answered in version 0; its header has tagged fields, here none.
  for (const int16_t version : {int16_t{5}, int16_t{99}}) {
    Connection alone(s.address());
    alone.send(framed(and_then(header(18, version), {0})));
    const Reply reply = alone.receive();
    Lines lines{"(no frame)"};
    if (reply.kind == Reply::Kind::frame) {
      auto head = kafka::parse_response(reply.frame, kafka::ApiKey::api_versions, 0);
      auto answer = codec::decode<kafka::ApiVersionsResponse>(head->body, 0);
      lines = answer ? Normal().lines(to_tree(*answer, 0)) : Lines{"(undecodable)"};
    }
    s.keep("Frame: what ApiVersions of version " + std::to_string(version) + " is told", 0, std::move(lines));
  }
}

}  // namespace godwit::compare
