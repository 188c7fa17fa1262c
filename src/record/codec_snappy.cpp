#include <snappy.h>

#include <array>
#include <cstring>

#include "base/endian.h"
#include "record/codecs.h"

namespace godwit::codecs {
namespace {

// The xerial stream: this magic, int32 version, int32 oldest compatible version, then blocks of int32 length
// and raw snappy.
constexpr std::array<unsigned char, 8> kMagic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr size_t kStreamHeaderSize = 16;
constexpr int32_t kVersion = 1;
constexpr size_t kBlockSize = 32 * 1024;
// A copy element of three bytes gives 64: no input becomes more than this many times its size.
constexpr size_t kBestRatio = 22;

const char* chars(BytesView in) {
  return reinterpret_cast<const char*>(in.data());
}

// No raw stream begins so: 0x82 0x53 promises 10,626 bytes and 'N' would copy before anything was written.
bool has_magic(BytesView in) {
  return in.size() >= kMagic.size() && std::memcmp(in.data(), kMagic.data(), 8) == 0;
}

// What a raw block promises; snappy fails where another number of bytes comes out.
Result<size_t> promised(BytesView block) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(chars(block), block.size(), &size))
    return corrupt("a snappy block does not begin with its length");
  if (size > kBestRatio * block.size()) return corrupt("a snappy block promises more bytes than it can hold");
  return size;
}

// Calls visit(block) for each raw block.
template <class Visit>
Result<void> for_each_block(BytesView in, Visit&& visit) {
  if (!has_magic(in)) return visit(in);
  while (!in.empty()) {
    // Streams may be put one behind the other, each with its header.
    if (has_magic(in)) {
      if (in.size() < kStreamHeaderSize) return corrupt("the snappy stream is cut short in its header");
      in = in.subspan(kStreamHeaderSize);
      continue;
    }
    if (in.size() < sizeof(int32_t)) return corrupt("the snappy stream is cut short");
    const auto length = load_big<int32_t>(in.data());
    in = in.subspan(sizeof length);
    if (length < 0 || static_cast<size_t>(length) > in.size())
      return corrupt("a snappy block reaches past the end of the records");
    if (Result<void> visited = visit(in.first(static_cast<size_t>(length))); !visited) return visited;
    in = in.subspan(static_cast<size_t>(length));
  }
  return {};
}

}  // namespace

Result<Bytes> snappy_compress(BytesView in) {
  Bytes out(kStreamHeaderSize);
  std::memcpy(out.data(), kMagic.data(), kMagic.size());
  store_big(out.data() + 8, kVersion);
  store_big(out.data() + 12, kVersion);
  while (!in.empty()) {
    const BytesView block = in.first(std::min(in.size(), kBlockSize));
    const size_t start = out.size();
    out.resize(start + sizeof(int32_t) + snappy::MaxCompressedLength(block.size()));
    size_t size = 0;
    snappy::RawCompress(chars(block), block.size(),
                        reinterpret_cast<char*>(out.data() + start + sizeof(int32_t)), &size);
    store_big(out.data() + start, static_cast<int32_t>(size));
    out.resize(start + sizeof(int32_t) + size);
    in = in.subspan(block.size());
  }
  return out;
}

Result<Bytes> snappy_decompress(BytesView in, size_t output_bytes_max) {
  Bytes out;
  auto decoded = for_each_block(in, [&](BytesView block) -> Result<void> {
    auto size = promised(block);
    if (!size) return fail(std::move(size).error());
    if (*size > output_bytes_max - out.size()) return too_much(output_bytes_max);
    const size_t start = out.size();
    out.resize(start + *size);
    if (!snappy::RawUncompress(chars(block), block.size(), reinterpret_cast<char*>(out.data() + start)))
      return corrupt("damaged snappy block");
    return {};
  });
  if (!decoded) return fail(std::move(decoded).error());
  return out;
}

Result<CompressedClaim> snappy_inspect(BytesView in) {
  CompressedClaim claim{.bytes_max = 0, .exact = true};
  auto walked = for_each_block(in, [&](BytesView block) -> Result<void> {
    auto size = promised(block);
    if (!size) return fail(std::move(size).error());
    claim.bytes_max += *size;
    return {};
  });
  if (!walked) return fail(std::move(walked).error());
  return claim;
}

}  // namespace godwit::codecs
