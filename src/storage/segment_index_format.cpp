// The index file: one block of 4 KiB as a head, then blocks of entries. docs/formats/segment.md.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "storage/segment_index.h"

namespace godwit::storage {
namespace {

constexpr size_t kBlock = 4096;
constexpr uint64_t kMagic = 0x5844'4954'5744'4f47;  // "GODWTIDX", little endian
constexpr uint32_t kVersion = 1;
// Both kinds of block end with the CRC-32C of what precedes it in the block.
constexpr size_t kCrcAt = kBlock - 4;
constexpr size_t kBlockHead = 16;
constexpr size_t kEntryBytes = 32;
constexpr size_t kEntriesPerBlock = (kCrcAt - kBlockHead) / kEntryBytes;
static_assert(kEntriesPerBlock == 127);

tl::unexpected<Error> wrong(std::string why) {
  return fail(ErrorKind::corrupt, std::move(why));
}

void finish(std::byte* block) {
  store_little<uint32_t>(block + kCrcAt, crc32c({block, kCrcAt}));
}

bool is_whole(const std::byte* block) {
  return load_little<uint32_t>(block + kCrcAt) == crc32c({block, kCrcAt});
}

void put_entry(std::byte* at, const IndexEntry& entry) {
  store_little<int64_t>(at, entry.offset.value());
  store_little<uint64_t>(at + 8, entry.position.value());
  store_little<int64_t>(at + 16, entry.timestamp_max);
  store_little<int32_t>(at + 24, entry.epoch.value());
  store_little<uint32_t>(at + 28, *entry.headers_crc);
}

IndexEntry get_entry(const std::byte* at) {
  return {.offset = Offset(load_little<int64_t>(at)),
          .position = Position(load_little<uint64_t>(at + 8)),
          .timestamp_max = load_little<int64_t>(at + 16),
          .epoch = LeaderEpoch(load_little<int32_t>(at + 24)),
          .headers_crc = load_little<uint32_t>(at + 28)};
}

// Whether `entry` may follow what is there.
bool follows(const IndexEntry& entry, const std::vector<IndexEntry>& before, const SegmentInfo& info) {
  if (entry.position >= info.end || entry.offset < info.base) return false;
  if (before.empty()) return entry.position == Position(0);
  const IndexEntry& last = before.back();
  return entry.position > last.position && entry.offset > last.offset && entry.epoch >= last.epoch &&
         entry.timestamp_max >= last.timestamp_max;
}

}  // namespace

Bytes SegmentIndex::encode(const SegmentInfo& info) const {
  GW_CHECK(closed_, "an index is written once its file is sealed");
  const size_t blocks = (entries_.size() + kEntriesPerBlock - 1) / kEntriesPerBlock;
  Bytes out((1 + blocks) * kBlock);
  std::byte* at = out.data();
  store_little<uint64_t>(at, kMagic);
  store_little<uint32_t>(at + 8, kVersion);
  store_little<uint64_t>(at + 16, info.id.value());
  store_little<int64_t>(at + 24, info.base.value());
  store_little<uint64_t>(at + 32, info.end.value());
  store_little<uint64_t>(at + 40, entries_.size());
  store_little<int64_t>(at + 48, frontier_.next.value());
  store_little<int64_t>(at + 56, timestamp_max_);
  store_little<int32_t>(at + 64, frontier_.epoch.value());
  store_little<uint32_t>(at + 68, info.compacted ? 1 : 0);
  finish(at);
  for (size_t first = 0; first < entries_.size(); first += kEntriesPerBlock) {
    at += kBlock;
    const size_t count = std::min(kEntriesPerBlock, entries_.size() - first);
    store_little<uint64_t>(at, info.id.value());
    store_little<uint32_t>(at + 8, static_cast<uint32_t>(first / kEntriesPerBlock));
    store_little<uint32_t>(at + 12, static_cast<uint32_t>(count));
    for (size_t i = 0; i < count; ++i) put_entry(at + kBlockHead + i * kEntryBytes, entries_[first + i]);
    finish(at);
  }
  return out;
}

std::optional<SegmentInfo> info_in_index(BytesView bytes, FileId file) {
  const bool whole = bytes.size() >= kBlock && load_little<uint64_t>(bytes.data()) == kMagic &&
                     load_little<uint32_t>(bytes.data() + 8) == kVersion && is_whole(bytes.data()) &&
                     load_little<uint64_t>(bytes.data() + 16) == file.value();
  if (!whole) return std::nullopt;
  return SegmentInfo{.id = file,
                     .base = Offset(load_little<int64_t>(bytes.data() + 24)),
                     .end = Position(load_little<uint64_t>(bytes.data() + 32)),
                     .compacted = load_little<uint32_t>(bytes.data() + 68) == 1,
                     .sealed = true};
}

Result<SegmentIndex> SegmentIndex::decode(BytesView bytes, const SegmentInfo& info) {
  if (bytes.size() < kBlock || bytes.size() % kBlock != 0) return wrong("its size is not one of an index");
  const std::byte* at = bytes.data();
  if (load_little<uint64_t>(at) != kMagic) return wrong("it does not begin as an index does");
  // Looked at before the checksum, whose place another version may have moved.
  if (const auto version = load_little<uint32_t>(at + 8); version != kVersion) {
    return fail(version > kVersion ? ErrorKind::unsupported : ErrorKind::corrupt,
                fmt::format("it is of version {}, this program knows {}", version, kVersion));
  }
  if (!is_whole(at)) return wrong("its head fails its checksum");
  if (load_little<uint64_t>(at + 16) != info.id.value() ||
      load_little<int64_t>(at + 24) != info.base.value()) {
    return wrong("it is the index of another file");
  }
  if (load_little<uint64_t>(at + 32) != info.end.value()) {
    return wrong(
        fmt::format("it covers {} bytes, the file has {}", load_little<uint64_t>(at + 32), info.end.value()));
  }
  const auto count = load_little<uint64_t>(at + 40);
  const size_t blocks = bytes.size() / kBlock - 1;
  if ((count + kEntriesPerBlock - 1) / kEntriesPerBlock != blocks || count > blocks * kEntriesPerBlock) {
    return wrong("it has not as many entries as it says");
  }
  SegmentIndex index(info);
  index.entries_.reserve(count);
  for (size_t block = 0; block < blocks; ++block) {
    at += kBlock;
    if (!is_whole(at)) return wrong(fmt::format("its block {} fails its checksum", block));
    const auto here = load_little<uint32_t>(at + 12);
    bool right = load_little<uint64_t>(at) == info.id.value() && load_little<uint32_t>(at + 8) == block;
    right = right && here == std::min<uint64_t>(kEntriesPerBlock, count - block * kEntriesPerBlock);
    if (!right) return wrong(fmt::format("its block {} belongs elsewhere", block));
    for (size_t i = 0; i < here; ++i) {
      const IndexEntry entry = get_entry(at + kBlockHead + i * kEntryBytes);
      if (!follows(entry, index.entries_, info)) return wrong(fmt::format("entry {} goes back", i));
      index.entries_.push_back(entry);
    }
  }
  if (index.entries_.empty() != (info.end == Position(0))) return wrong("it has no entries");
  index.frontier_ = {.position = info.end,
                     .next = Offset(load_little<int64_t>(bytes.data() + 48)),
                     .exact = false,
                     .epoch = LeaderEpoch(load_little<int32_t>(bytes.data() + 64))};
  index.timestamp_max_ = load_little<int64_t>(bytes.data() + 56);
  index.closed_ = true;
  return index;
}

}  // namespace godwit::storage
