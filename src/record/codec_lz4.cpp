#include <lz4frame.h>
#include <lz4hc.h>

#include "base/check.h"
#include "base/endian.h"
#include "record/codecs.h"

namespace godwit::codecs {
namespace {

constexpr uint32_t kFrameMagic = 0x184D2204;
// A match length grows by 255 for each byte of it.
constexpr uint64_t kBestRatio = 255;

struct Decoder {
  LZ4F_dctx* context = nullptr;
  Decoder() {
    GW_CHECK(!LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)),
             "an LZ4 decoder starts while there is memory");
  }
  ~Decoder() { LZ4F_freeDecompressionContext(context); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

}  // namespace

Result<Bytes> lz4_compress(BytesView in, std::optional<int> level) {
  // Independent blocks of 64 KiB: the Java client's decoder knows no others.
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  // Kafka's levels go to 17, as lz4-java's; liblz4 ends at 12 and takes all above for it.
  preferences.compressionLevel = std::min(level.value_or(0), LZ4HC_CLEVEL_MAX);
  Bytes out(LZ4F_compressFrameBound(in.size(), &preferences));
  const size_t size = LZ4F_compressFrame(out.data(), out.size(), in.data(), in.size(), &preferences);
  GW_CHECK(!LZ4F_isError(size), "an LZ4 frame fits its own bound");
  out.resize(size);
  return out;
}

Result<Bytes> lz4_decompress(BytesView in, size_t output_bytes_max) {
  if (in.empty()) return corrupt("there is no LZ4 frame");
  Decoder decoder;
  GrowingOutput out(in.size(), output_bytes_max);
  while (true) {
    out.make_room();
    size_t produced = out.room();
    size_t consumed = in.size();
    const size_t hint = LZ4F_decompress(decoder.context, out.at(), &produced, in.data(), &consumed, nullptr);
    if (LZ4F_isError(hint)) return corrupt(std::string("damaged LZ4 frame: ") + LZ4F_getErrorName(hint));
    out.advance(produced);
    in = in.subspan(consumed);
    if (out.too_much()) return too_much(output_bytes_max);
    // Hint 0: a frame has ended. What follows must be another.
    if (hint == 0 && in.empty()) return std::move(out).finish();
    if (consumed == 0 && produced == 0 && out.room() > 0) return corrupt("the LZ4 frame is cut short");
  }
}

Result<CompressedClaim> lz4_inspect(BytesView in) {
  if (in.size() < LZ4F_HEADER_SIZE_MIN || load_little<uint32_t>(in.data()) != kFrameMagic)
    return corrupt("the records do not begin as an LZ4 frame does");
  return CompressedClaim{kBestRatio * in.size(), false};
}

}  // namespace godwit::codecs
