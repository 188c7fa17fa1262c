#include "storage/segment_index_file.h"

#include <algorithm>

namespace godwit::storage {
namespace {

constexpr size_t kBlock = 4096;

// No index of a file of this size is larger: one entry at most for each interval, in whole blocks, and a head.
uint64_t index_bytes_max(const SegmentInfo& info) {
  const uint64_t entries = info.end.value() / kIndexInterval + 1;
  return (entries / 127 + 2) * kBlock;
}

}  // namespace

runtime::Task<Result<SegmentIndex>> load_index(runtime::FileSystem& files, std::string path,
                                               SegmentInfo info) {
  runtime::OpenOptions options{.direct = true};
  options.lane = runtime::OpenOptions::Lane::read;
  const auto file = co_await files.open(std::move(path), options);
  if (!file) co_return fail(file.error());
  const auto size = co_await (*file)->size();
  if (!size) co_return fail(size.error());
  if (*size > index_bytes_max(info) || *size % kBlock != 0) {
    co_return fail(ErrorKind::corrupt, "its size is not one of an index of this file");
  }
  runtime::AlignedBuffer buffer(*size);
  const auto count = co_await (*file)->read_at(0, buffer.bytes());
  if (!count) co_return fail(count.error());
  co_return SegmentIndex::decode(buffer.view().first(*count), info);
}

runtime::Task<Result<void>> save_index(runtime::FileSystem& files, std::string path, SegmentInfo info,
                                       std::shared_ptr<const SegmentIndex> index) {
  const Bytes bytes = index->encode(info);
  runtime::AlignedBuffer buffer(bytes.size());
  std::ranges::copy(bytes, buffer.data());
  runtime::OpenOptions options{
      .write = true, .create = runtime::OpenOptions::Create::if_missing, .direct = true};
  options.lane = runtime::OpenOptions::Lane::write_back;
  const auto file = co_await files.open(std::move(path), options);
  if (!file) co_return fail(file.error());
  GW_TRY(co_return, co_await (*file)->truncate(bytes.size()));
  const BytesView view = buffer.view();
  co_return co_await (*file)->write_at(0, {&view, 1});
}

}  // namespace godwit::storage
