#include <zstd.h>

#include "base/check.h"
#include "base/endian.h"
#include "record/codecs.h"

namespace godwit::codecs {
namespace {

// A block of run length takes 4 bytes and gives 128 KiB.
constexpr uint64_t kBestRatio = 32 * 1024;

bool known_magic(uint32_t magic) {
  return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

struct Decoder {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  Decoder() { GW_CHECK(context != nullptr, "a zstd decoder starts while there is memory"); }
  ~Decoder() { ZSTD_freeDCtx(context); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

}  // namespace

Result<Bytes> zstd_compress(BytesView in, std::optional<int> level) {
  Bytes out(ZSTD_compressBound(in.size()));
  const size_t size =
      ZSTD_compress(out.data(), out.size(), in.data(), in.size(), level.value_or(ZSTD_CLEVEL_DEFAULT));
  GW_CHECK(!ZSTD_isError(size), "a zstd frame fits its own bound");
  out.resize(size);
  return out;
}

// The decoder's window is what a frame's header asks for, up to zstd's own limit of 128 MiB (the strongest
// level writes such frames, so a lower limit would refuse honest producers). It is address space: pages are
// touched only as output comes, which output_bytes_max bounds.
Result<Bytes> zstd_decompress(BytesView in, size_t output_bytes_max) {
  const auto claim = zstd_inspect(in);
  if (!claim) return fail(claim.error());
  if (claim->exact && claim->bytes_max > output_bytes_max) return too_much(output_bytes_max);
  Decoder decoder;
  GrowingOutput out(in.size(), output_bytes_max);
  ZSTD_inBuffer input{in.data(), in.size(), 0};
  while (true) {
    out.make_room();
    ZSTD_outBuffer output{out.at(), out.room(), 0};
    const size_t before = input.pos;
    const size_t hint = ZSTD_decompressStream(decoder.context, &output, &input);
    if (ZSTD_isError(hint)) return corrupt(std::string("damaged zstd frame: ") + ZSTD_getErrorName(hint));
    out.advance(output.pos);
    if (out.too_much()) return too_much(output_bytes_max);
    // Hint 0: a frame has ended. What follows must be another.
    if (hint == 0 && input.pos == input.size) return std::move(out).finish();
    if (input.pos == before && output.pos == 0 && out.room() > 0)
      return corrupt("the zstd frame is cut short");
  }
}

Result<CompressedClaim> zstd_inspect(BytesView in) {
  if (in.empty()) return corrupt("there is no zstd frame");
  CompressedClaim claim{.bytes_max = 0, .exact = true};
  // Goes from block head to block head, so that a frame that is cut short shows.
  while (!in.empty()) {
    // The library may know formats of before zstd 1.0 too; Kafka never used them, and old decoders are a
    // risk.
    if (in.size() < sizeof(uint32_t) || !known_magic(load_little<uint32_t>(in.data())))
      return corrupt("the records do not begin as a zstd frame does");
    const size_t frame = ZSTD_findFrameCompressedSize(in.data(), in.size());
    if (ZSTD_isError(frame))
      return corrupt(std::string("the records are no whole zstd frames: ") + ZSTD_getErrorName(frame));
    const unsigned long long content = ZSTD_getFrameContentSize(in.data(), in.size());
    if (content == ZSTD_CONTENTSIZE_ERROR) return corrupt("the records are no zstd frames");
    const uint64_t most = kBestRatio * frame;
    if (content == ZSTD_CONTENTSIZE_UNKNOWN) {
      claim.exact = false;
      claim.bytes_max += most;
    } else {
      if (content > most) return corrupt("a zstd frame promises more bytes than it can hold");
      claim.bytes_max += content;
    }
    in = in.subspan(frame);
  }
  return claim;
}

}  // namespace godwit::codecs
