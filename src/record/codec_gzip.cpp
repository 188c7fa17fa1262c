#include <zlib.h>

#include <limits>

#include "base/check.h"
#include "record/codecs.h"

namespace godwit::codecs {
namespace {

// 15 bits of window, and a gzip header and trailer around it.
constexpr int kGzipWindow = 15 + 16;
constexpr int kMemoryLevel = 8;
// Deflate's best: 258 bytes for two bits of code, 1032 to 1.
constexpr uint64_t kBestRatio = 1032;
constexpr size_t kHeaderSize = 10;

// zlib's structures point to input that they never write.
Bytef* input(BytesView in) {
  return reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
}
Bytef* output(std::byte* at) {
  return reinterpret_cast<Bytef*>(at);
}

struct Inflater {
  z_stream stream{};
  Inflater() { GW_CHECK(inflateInit2(&stream, kGzipWindow) == Z_OK, "zlib starts while there is memory"); }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

}  // namespace

Result<Bytes> gzip_compress(BytesView in, std::optional<int> level) {
  z_stream stream{};
  const int started = deflateInit2(&stream, level.value_or(Z_DEFAULT_COMPRESSION), Z_DEFLATED, kGzipWindow,
                                   kMemoryLevel, Z_DEFAULT_STRATEGY);
  GW_CHECK(started == Z_OK, "zlib starts while there is memory; the level was checked");
  Bytes out(deflateBound(&stream, in.size()));
  stream.next_in = input(in);
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = output(out.data());
  stream.avail_out = static_cast<uInt>(std::min<size_t>(out.size(), std::numeric_limits<uInt>::max()));
  const int finished = deflate(&stream, Z_FINISH);
  const size_t size = stream.total_out;
  deflateEnd(&stream);
  GW_CHECK(finished == Z_STREAM_END, "deflate ends within its own bound");
  out.resize(size);
  return out;
}

Result<Bytes> gzip_decompress(BytesView in, size_t output_bytes_max) {
  Inflater inflater;
  z_stream& stream = inflater.stream;
  GrowingOutput out(in.size(), output_bytes_max);
  stream.next_in = input(in);
  stream.avail_in = static_cast<uInt>(in.size());
  while (true) {
    out.make_room();
    const auto room = static_cast<uInt>(out.room());
    stream.next_out = output(out.at());
    stream.avail_out = room;
    const int status = inflate(&stream, Z_NO_FLUSH);
    out.advance(room - stream.avail_out);
    if (out.too_much()) return too_much(output_bytes_max);
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return std::move(out).finish();
      // Another member may follow (RFC 1952); what is none fails on its header.
      inflateReset(&stream);
      continue;
    }
    // With output room there is always progress unless the input has ended.
    if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_in == 0 && stream.avail_out != 0))
      return corrupt("the gzip stream is cut short");
    if (status != Z_OK)
      return corrupt(std::string("damaged gzip stream: ") +
                     (stream.msg ? stream.msg : "it needs a dictionary"));
  }
}

Result<CompressedClaim> gzip_inspect(BytesView in) {
  if (in.size() < kHeaderSize || in[0] != std::byte{0x1f} || in[1] != std::byte{0x8b} ||
      in[2] != std::byte{8})
    return corrupt("the records do not begin as gzip does");
  return CompressedClaim{kBestRatio * in.size(), false};
}

}  // namespace godwit::codecs
