// Any bytes as any message: the first four bytes choose the message and its version, the rest is the body; a
// second reading takes everything as the frame of a request. Nothing may crash, and what decodes must encode
// to bytes that decode to an equal value. The bug that is seeded to prove that it would be found
// (GODWIT_SEEDED_BUG_MESSAGE) is in codec/decoder.cpp.
#include <cstdint>

#include "base/check.h"
#include "base/endian.h"
#include "kafka/any_message.h"
#include "kafka/frame.h"

namespace godwit::kafka {
namespace {

void try_message(const AnyMessage& message, const SharedBytes& body, int16_t version) {
  codec::Input in(body);
  const auto decoded = message.decode(in, version);
  if (!decoded) return;
  GW_CHECK(in.position() + in.remaining() == body.size(), "an input knows how far it was read");
  const auto size = message.encoded_size(*decoded, version);
  GW_CHECK(size, "what was decoded can be encoded");
  const auto encoded = message.encode(*decoded, version);
  GW_CHECK(encoded && encoded->size() == *size, "the size is known before");
  codec::Input again(SharedBytes::own(encoded->flatten()));
  const auto back = message.decode(again, version);
  GW_CHECK(back && message.equal(*back, *decoded) && again.remaining() == 0,
           "encoding and decoding lose nothing");
  GW_CHECK(message.print(*decoded, 200).size() <= 200, "printing is bounded");
}

}  // namespace
}  // namespace godwit::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  const SharedBytes frame = SharedBytes::copy(std::as_bytes(std::span(data, size)));
  if (size >= 4) {
    const auto all = kafka::all_messages();
    const kafka::AnyMessage& message = *all[load_big<uint16_t>(frame.data()) % all.size()];
    const auto version = static_cast<int16_t>(load_big<uint16_t>(frame.data() + 2) % 20);
    kafka::try_message(message, frame.slice(4, size - 4), version);
  }
  if (auto request = kafka::parse_request(frame); request && request->accepted()) {
    const auto rest = frame.slice(request->body.position(), request->body.remaining());
    kafka::try_message(kafka::request_of(request->key()), rest, request->version);
  }
  return 0;
}
