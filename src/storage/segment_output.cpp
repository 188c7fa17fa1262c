#include "storage/segment_output.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace godwit::storage {
namespace {

constexpr size_t kBufferBytes = 1 << 20;

}  // namespace

SegmentOutput::SegmentOutput(FileCache& files, std::string path)
    : files_(files),
      path_(path),
      writer_(files, std::move(path), Position(0), 8 << 20),
      buffer_(kBufferBytes) {}

runtime::Task<Result<void>> SegmentOutput::flush(size_t bytes) {
  const std::array<BytesView, 1> ranges{buffer_.view().first(bytes)};
  GW_TRY(co_return, co_await writer_.write(ranges));
  filled_ = 0;
  co_return {};
}

runtime::Task<Result<void>> SegmentOutput::add(const BatchHeader& header, BytesView batch) {
  end_ += batch.size();
  timestamp_max_ = std::max(timestamp_max_, header.max_timestamp_ms);
  while (!batch.empty()) {
    const size_t count = std::min(batch.size(), buffer_.size() - filled_);
    std::memcpy(buffer_.data() + filled_, batch.data(), count);
    filled_ += count;
    batch = batch.subspan(count);
    if (filled_ == buffer_.size()) GW_TRY(co_return, co_await flush(filled_));
  }
  co_return {};
}

runtime::Task<Result<void>> SegmentOutput::finish() {
  if (filled_ > 0) {
    const size_t padded = (filled_ + kBlockMin - 1) / kBlockMin * kBlockMin;
    std::memset(buffer_.data() + filled_, 0, padded - filled_);
    GW_TRY(co_return, co_await flush(padded));
  }
  GW_TRY(co_return, co_await writer_.trim(end_));
  auto file = co_await files_.get(path_, true);
  if (!file) co_return fail(std::move(file).error());
  co_return co_await (*file)->sync();
}

}  // namespace godwit::storage
