// One codec's two directions and its look at the headers, a file each. Private to the module: compression.h
// is the door and checks levels. Output limits are at most kCodecOutputMax.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "record/compression.h"

namespace godwit::codecs {

// Nothing in a batch is larger: lengths are 31 bits.
constexpr size_t kCodecOutputMax = 0x7fff'ffff;

Result<Bytes> gzip_compress(BytesView in, std::optional<int> level);
Result<Bytes> gzip_decompress(BytesView in, size_t output_bytes_max);
Result<CompressedClaim> gzip_inspect(BytesView in);

Result<Bytes> snappy_compress(BytesView in);
Result<Bytes> snappy_decompress(BytesView in, size_t output_bytes_max);
Result<CompressedClaim> snappy_inspect(BytesView in);

Result<Bytes> lz4_compress(BytesView in, std::optional<int> level);
Result<Bytes> lz4_decompress(BytesView in, size_t output_bytes_max);
Result<CompressedClaim> lz4_inspect(BytesView in);

Result<Bytes> zstd_compress(BytesView in, std::optional<int> level);
Result<Bytes> zstd_decompress(BytesView in, size_t output_bytes_max);
Result<CompressedClaim> zstd_inspect(BytesView in);

inline tl::unexpected<Error> corrupt(std::string why) {
  return fail(ErrorKind::corrupt, std::move(why));
}
inline tl::unexpected<Error> too_much(size_t output_bytes_max) {
  return fail(ErrorKind::limit, "the batch decompresses to more than the " +
                                    std::to_string(output_bytes_max) + " bytes allowed");
}

// Output of a streaming decoder, doubled as it fills. It may grow one byte past the limit: a decoder that
// fills that byte has more to give than is allowed.
class GrowingOutput {
 public:
  GrowingOutput(size_t input_bytes, size_t output_bytes_max) : max_(output_bytes_max) {
    out_.resize(std::min(max_ + 1, std::max<size_t>(4096, input_bytes * 2)));
  }
  std::byte* at() { return out_.data() + used_; }
  size_t room() const { return out_.size() - used_; }
  void advance(size_t count) { used_ += count; }
  bool too_much() const { return used_ > max_; }
  // Makes room where there is none. Requires !too_much().
  void make_room() {
    if (room() == 0) out_.resize(std::min(max_ + 1, out_.size() * 2));
  }
  Bytes finish() && {
    out_.resize(used_);
    return std::move(out_);
  }

 private:
  Bytes out_;
  size_t used_ = 0;
  size_t max_;
};

}  // namespace godwit::codecs
