// Any bytes as any message: the first four bytes choose the message and its version, the rest is the body; a
// second reading takes everything as the frame of a request. Nothing may crash, and what decodes must encode
// to bytes that decode to an equal value.
#include <cstdint>

#include "base/check.h"
#include "base/endian.h"
#include "kafka/frame.h"
#include "kafka/messages/all.h"

namespace godwit::kafka {
namespace {

template <class M>
void try_message(const SharedBytes& body, int16_t version) {
  codec::Input in(body);
  const auto decoded = codec::decode<M>(in, version);
  if (!decoded) return;
  GW_CHECK(in.position() + in.remaining() == body.size(), "an input knows how far it was read");
  const auto size = codec::encoded_size(*decoded, version);
  GW_CHECK(size, "what was decoded can be encoded");
  const auto encoded = codec::encode(*decoded, version);
  GW_CHECK(encoded && encoded->size() == *size, "the size is known before");
  codec::Input again(SharedBytes::own(encoded->flatten()));
  const auto back = codec::decode<M>(again, version);
  GW_CHECK(back && *back == *decoded && again.remaining() == 0, "encoding and decoding lose nothing");
  GW_CHECK(codec::print(*decoded, 200).size() <= 200, "printing is bounded");
}

void try_any(int16_t which, const SharedBytes& body, int16_t version) {
  int16_t index = 0;
  for_each_message([&]<class M> {
    if (index++ == which) try_message<M>(body, version);
  });
}

}  // namespace
}  // namespace godwit::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  const SharedBytes frame = SharedBytes::copy(std::as_bytes(std::span(data, size)));
  if (size >= 4) {
    const auto count = static_cast<int16_t>(2 * kafka::all_apis().size());
    const auto which = static_cast<int16_t>(load_big<uint16_t>(frame.data()) % static_cast<uint16_t>(count));
    const auto version = static_cast<int16_t>(load_big<uint16_t>(frame.data() + 2) % 20);
    kafka::try_any(which, frame.slice(4, size - 4), version);
  }
  if (auto request = kafka::parse_request(frame); request && request->accepted()) {
    const auto rest = frame.slice(request->body.position(), request->body.remaining());
    kafka::for_each_request([&]<class M> {
      if (M::kApi == request->key()) kafka::try_message<M>(rest, request->version);
    });
  }
  return 0;
}
