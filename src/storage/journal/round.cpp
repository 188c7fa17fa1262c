#include "storage/journal/round.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"

namespace godwit::storage {

uint64_t JournalEntry::bytes() const {
  uint64_t sum = journal::kTableEntryBytes + meta.size();
  for (const BytesView part : payload) sum += part.size();
  return sum;
}

namespace journal {
namespace {

// Where the fields of a header lie.
constexpr size_t kAtChecksum = 8;  // covers everything but itself
constexpr size_t kAtVersion = 12;
constexpr size_t kAtKind = 14;
constexpr size_t kAtSalt = 16;
constexpr size_t kAtFile = 24;
constexpr size_t kAtPosition = 32;
constexpr size_t kAtSequence = 40;
constexpr size_t kAtSynced = 48;
constexpr size_t kAtStart = 56;
constexpr size_t kAtFollows = 64;
constexpr size_t kAtReleased = 72;
constexpr size_t kAtEntries = 80;
constexpr size_t kAtFrontBytes = 84;
constexpr size_t kAtPayloadBytes = 88;
constexpr size_t kAtFrontChecksum = 92;
constexpr size_t kAtReserved = 96;  // zeros, 16 bytes
static_assert(kAtReserved + 16 == kHeaderBytes && kHeaderBytes <= 512, "a header lies within one sector");

uint32_t header_checksum(const std::byte* at) {
  const uint32_t crc = crc32c({at, kAtChecksum});
  return crc32c_extend(crc, {at + kAtVersion, kHeaderBytes - kAtVersion});
}

// Whether the fields can be true together; a checksum that fits does not prove it.
bool is_consistent(const RoundHeader& h) {
  if (h.kind == RoundHeader::Kind::blank) return h.position == 0;
  if (h.kind != RoundHeader::Kind::round || h.position % kBlock != 0) return false;
  if (h.sequence.value() == 0 || h.sequence.value() > kSequenceMax) return false;
  if (h.synced >= h.sequence || h.released >= h.sequence) return false;
  if (h.start > h.sequence || h.follows >= h.start) return false;
  return h.front_bytes >= uint64_t{h.entries} * kTableEntryBytes;
}

}  // namespace

void encode_header(const RoundHeader& h, std::byte* at) {
  std::memset(at, 0, kHeaderBytes);
  std::memcpy(at, kMagic.data(), kMagic.size());
  store_little(at + kAtVersion, kVersion);
  store_little(at + kAtKind, static_cast<uint16_t>(h.kind));
  store_little(at + kAtSalt, h.salt);
  store_little(at + kAtFile, h.file);
  store_little(at + kAtPosition, h.position);
  store_little(at + kAtSequence, h.sequence.value());
  store_little(at + kAtSynced, h.synced.value());
  store_little(at + kAtStart, h.start.value());
  store_little(at + kAtFollows, h.follows.value());
  store_little(at + kAtReleased, h.released.value());
  store_little(at + kAtEntries, h.entries);
  store_little(at + kAtFrontBytes, h.front_bytes);
  store_little(at + kAtPayloadBytes, h.payload_bytes);
  store_little(at + kAtFrontChecksum, h.front_checksum);
  store_little(at + kAtChecksum, header_checksum(at));
}

HeaderFinding decode_header(const std::byte* at, RoundHeader& h) {
  if (std::memcmp(at, kMagic.data(), kMagic.size()) != 0) return HeaderFinding::none;
  if (load_little<uint32_t>(at + kAtChecksum) != header_checksum(at)) return HeaderFinding::damaged;
  // Every version keeps magic, checksum, version and size of the header.
  if (load_little<uint16_t>(at + kAtVersion) > kVersion) return HeaderFinding::newer;
  h.kind = static_cast<RoundHeader::Kind>(load_little<uint16_t>(at + kAtKind));
  h.salt = load_little<uint64_t>(at + kAtSalt);
  h.file = load_little<uint64_t>(at + kAtFile);
  h.position = load_little<uint64_t>(at + kAtPosition);
  h.sequence = Sequence(load_little<uint64_t>(at + kAtSequence));
  h.synced = Sequence(load_little<uint64_t>(at + kAtSynced));
  h.start = Sequence(load_little<uint64_t>(at + kAtStart));
  h.follows = Sequence(load_little<uint64_t>(at + kAtFollows));
  h.released = Sequence(load_little<uint64_t>(at + kAtReleased));
  h.entries = load_little<uint32_t>(at + kAtEntries);
  h.front_bytes = load_little<uint32_t>(at + kAtFrontBytes);
  h.payload_bytes = load_little<uint32_t>(at + kAtPayloadBytes);
  h.front_checksum = load_little<uint32_t>(at + kAtFrontChecksum);
  return is_consistent(h) ? HeaderFinding::good : HeaderFinding::damaged;
}

std::optional<std::vector<FrontEntry>> decode_front(const RoundHeader& header, BytesView front) {
  GW_CHECK(front.size() == header.front_bytes, "the whole front is handed in");
  if (crc32c(front) != header.front_checksum) return std::nullopt;
  std::vector<FrontEntry> entries;
  entries.reserve(header.entries);
  uint64_t meta_at = uint64_t{header.entries} * kTableEntryBytes;
  uint64_t payload_bytes = 0;
  for (uint32_t i = 0; i < header.entries; ++i) {
    const std::byte* at = front.data() + size_t{i} * kTableEntryBytes;
    FrontEntry entry;
    entry.table.kind = load_little<uint8_t>(at);
    entry.table.meta_bytes = load_little<uint32_t>(at + 4);
    entry.table.payload_bytes = load_little<uint32_t>(at + 8);
    entry.table.payload_checksum = load_little<uint32_t>(at + 12);
#ifndef GODWIT_SEEDED_BUG_JOURNAL
    if (entry.table.meta_bytes > front.size() - meta_at) return std::nullopt;
#else
    if (entry.table.meta_bytes > 2 * front.size()) return std::nullopt;
#endif
    entry.meta = BytesView(front.data() + meta_at, entry.table.meta_bytes);
    meta_at += entry.table.meta_bytes;
    payload_bytes += entry.table.payload_bytes;
    entries.push_back(entry);
  }
#ifndef GODWIT_SEEDED_BUG_JOURNAL
  if (meta_at != front.size()) return std::nullopt;
#endif
  if (payload_bytes != header.payload_bytes) return std::nullopt;
  return entries;
}

uint64_t RoundPacker::block_bytes() const {
  uint64_t bytes = kHeaderBytes;
  for (const auto* entry : entries_) bytes += entry->bytes();
  return round_up(bytes);
}

uint64_t RoundPacker::pack(RoundHeader& header, MutableBytes into) const {
  std::byte* const base = into.data();
  uint64_t meta_at = kHeaderBytes + entries_.size() * kTableEntryBytes;
  uint64_t payload_at = meta_at;
  for (const auto* entry : entries_) payload_at += entry->meta.size();
  const uint64_t front_end = payload_at;
  std::byte* table_at = base + kHeaderBytes;
  for (const auto* entry : entries_) {
    if (!entry->meta.empty()) std::memcpy(base + meta_at, entry->meta.data(), entry->meta.size());
    meta_at += entry->meta.size();
    const uint64_t payload_begin = payload_at;
    uint32_t checksum = crc32c({});
    for (const BytesView part : entry->payload) {
      if (part.empty()) continue;
      std::memcpy(base + payload_at, part.data(), part.size());
      // Of the copy: whatever happens to the caller's memory, what is checked is what is written.
      checksum = crc32c_extend(checksum, {base + payload_at, part.size()});
      payload_at += part.size();
    }
    store_little<uint32_t>(table_at, entry->kind);
    store_little(table_at + 4, static_cast<uint32_t>(entry->meta.size()));
    store_little(table_at + 8, static_cast<uint32_t>(payload_at - payload_begin));
    store_little(table_at + 12, checksum);
    table_at += kTableEntryBytes;
  }
  header.entries = static_cast<uint32_t>(entries_.size());
  header.front_bytes = static_cast<uint32_t>(front_end - kHeaderBytes);
  header.payload_bytes = static_cast<uint32_t>(payload_at - front_end);
  header.front_checksum = crc32c({base + kHeaderBytes, header.front_bytes});
  encode_header(header, base);
  const uint64_t end = round_up(payload_at);
  std::memset(base + payload_at, 0, end - payload_at);
  return end;
}

}  // namespace journal
}  // namespace godwit::storage
