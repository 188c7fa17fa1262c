#include "storage/journal/block_reader.h"

#include <algorithm>

#include "base/crc32c.h"

namespace godwit::storage::journal {

BlockReader::BlockReader(runtime::File& file, uint64_t size)
    : file_(file), size_(size / kBlock * kBlock), window_(std::min<uint64_t>(size_, kWindow)) {}

uint64_t BlockReader::unreadable_blocks() const {
  uint64_t blocks = 0;
  for (const Unreadable& range : unreadable_) blocks += range.size / kBlock;
  return blocks;
}

bool BlockReader::lacks(uint64_t position, std::string_view text) const {
  if (position < window_position_ || position + kBlock > window_position_ + window_bytes_) return false;
  return std::memcmp(window_.data() + (position - window_position_), text.data(), text.size()) != 0;
}

runtime::Task<bool> BlockReader::read(uint64_t position, MutableBytes into) {
  while (!into.empty()) {
    const BytesView here = co_await window_at(position);
    if (here.empty()) co_return false;
    const size_t count = std::min(here.size(), into.size());
    std::memcpy(into.data(), here.data(), count);
    into = into.subspan(count);
    position += count;
  }
  co_return true;
}

runtime::Task<std::optional<uint32_t>> BlockReader::checksum(uint64_t position, uint64_t size) {
  uint32_t crc = crc32c({});
  while (size > 0) {
    const BytesView here = co_await window_at(position);
    if (here.empty()) co_return std::nullopt;
    const size_t count = std::min<uint64_t>(here.size(), size);
    crc = crc32c_extend(crc, here.first(count));
    size -= count;
    position += count;
  }
  co_return crc;
}

runtime::Task<BytesView> BlockReader::window_at(uint64_t position) {
  if (position >= size_) co_return BytesView();
  const bool inside = position >= window_position_ && position < window_position_ + window_bytes_;
  if (!inside) co_await load(position / kBlock * kBlock);
  const uint64_t end = readable_until(position, window_position_ + window_bytes_);
  if (end <= position) co_return BytesView();
  co_return window_.view().subspan(position - window_position_, end - position);
}

runtime::Task<void> BlockReader::load(uint64_t position) {
  const bool goes_on = position == window_position_ + window_bytes_;
  next_bytes_ = goes_on ? std::min<uint64_t>(2 * next_bytes_, kWindow) : kFirst;
  window_position_ = position;
  window_bytes_ = std::min({uint64_t{window_.size()}, next_bytes_, size_ - position});
  const auto count = co_await file_.read_at(position, window_.bytes().first(window_bytes_));
  if (count && *count == window_bytes_) co_return;
  // Block by block: what can be read is read, what cannot is known exactly.
  for (uint64_t at = 0; at < window_bytes_; at += kBlock) {
    const MutableBytes block = window_.bytes().subspan(at, kBlock);
    const auto one = co_await file_.read_at(position + at, block);
    if (one && *one == kBlock) continue;
    std::fill(block.begin(), block.end(), std::byte{0});
    note_unreadable(position + at, kBlock, one ? "the file ends before" : one.error().message);
  }
}

void BlockReader::note_unreadable(uint64_t position, uint64_t size, const std::string& error) {
  for (const Unreadable& range : unreadable_) {
    if (position >= range.position && position < range.position + range.size) return;
  }
  if (!unreadable_.empty() && unreadable_.back().position + unreadable_.back().size == position) {
    unreadable_.back().size += size;
  } else {
    unreadable_.push_back({position, size, error});
  }
}

uint64_t BlockReader::readable_until(uint64_t position, uint64_t end) const {
  for (const Unreadable& range : unreadable_) {
    if (range.position + range.size <= position || range.position >= end) continue;
    return std::max(range.position, position);
  }
  return end;
}

}  // namespace godwit::storage::journal
