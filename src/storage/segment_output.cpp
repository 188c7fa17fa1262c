#include "storage/segment_output.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "storage/segment_index_file.h"

namespace godwit::storage {
namespace {

constexpr size_t kBufferBytes = 1 << 20;

}  // namespace

SegmentOutput::SegmentOutput(FileCache& files, std::string folder, FileId file, Offset base)
    : files_(files),
      folder_(std::move(folder)),
      info_{.id = file, .base = base, .end = Position(0), .compacted = true, .sealed = true},
      path_(folder_ + "/" + segment_name(file)),
      index_(std::make_shared<SegmentIndex>(info_)),
      writer_(files, path_, Position(0), 8 << 20),
      buffer_(kBufferBytes) {}

runtime::Task<Result<void>> SegmentOutput::flush(size_t bytes) {
  const std::array<BytesView, 1> ranges{buffer_.view().first(bytes)};
  GW_TRY(co_return, co_await writer_.write(ranges));
  filled_ = 0;
  co_return {};
}

runtime::Task<Result<void>> SegmentOutput::add(const BatchHeader& header, BytesView batch) {
  index_->add(header, batch, info_);
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
  GW_TRY(co_return, co_await (*file)->sync());
  index_->close();
  info_.end = end_;
  if (end_ > Position(0)) {
    (void)co_await save_index(files_.files(), folder_ + "/" + index_name(info_.id), info_, index_);
  }
  co_return {};
}

}  // namespace godwit::storage
