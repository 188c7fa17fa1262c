// A round as bytes: header, entry table, metas, payloads. docs/formats/journal.md.
//
// Pure. The header lies within one sector and has a checksum of its own, so that it is there or not, and of a
// torn round still says which it was. The front (table and metas) has a second, each payload a third.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "storage/journal.h"

namespace godwit::storage::journal {

constexpr uint64_t kBlock = 4096;        // rounds start at multiples of it
constexpr size_t kHeaderBytes = 112;     // at the start of a round
constexpr size_t kTableEntryBytes = 16;  // for each entry, behind the header
constexpr size_t kMetaMax = 64 * 1024;
constexpr uint16_t kVersion = 1;
constexpr std::string_view kMagic = "godwit-j";  // begins a header
// No journal comes near it: a larger number in a header is no sequence.
constexpr uint64_t kSequenceMax = uint64_t{1} << 62;

constexpr uint64_t round_up(uint64_t bytes) {
  return (bytes + kBlock - 1) / kBlock * kBlock;
}

struct RoundHeader {
  // blank: a file that was made and never written; stands only at position 0.
  enum class Kind : uint16_t { blank = 0, round = 1 };
  Kind kind = Kind::round;
  uint64_t salt = 0;      // of this pass through the file
  uint64_t file = 0;      // its number
  uint64_t position = 0;  // of this header in it
  Sequence sequence;
  Sequence synced;    // rounds up to this one were on stable storage when this one was packed
  Sequence start;     // the first round of this process
  Sequence follows;   // the newest round that was there when this process began: what lies between is void
  Sequence released;  // rounds up to this one were no longer needed
  uint32_t entries = 0;
  uint32_t front_bytes = 0;     // table and metas, behind the header
  uint32_t payload_bytes = 0;   // all payloads, behind the front
  uint32_t front_checksum = 0;  // CRC-32C of table and metas

  uint64_t bytes() const { return kHeaderBytes + uint64_t{front_bytes} + payload_bytes; }
  // What it occupies: whole blocks.
  uint64_t block_bytes() const { return round_up(bytes()); }
};

// Fills in the checksum of the header itself.
void encode_header(const RoundHeader& header, std::byte* at);

enum class HeaderFinding {
  none,     // no header: payload, zeros, anything
  damaged,  // begins like one and fails its checksum, or contradicts itself
  newer,    // a later version of the format
  good,
};
// Looks at kHeaderBytes bytes at `at`.
HeaderFinding decode_header(const std::byte* at, RoundHeader& header);

struct TableEntry {
  uint8_t kind = 0;
  uint32_t meta_bytes = 0;
  uint32_t payload_bytes = 0;
  uint32_t payload_checksum = 0;
};

// An entry of a front: `meta` looks into it.
struct FrontEntry {
  TableEntry table;
  BytesView meta;
};

// Reads `front` (header.front_bytes bytes). Empty when it fails its checksum, or sizes do not add up to what
// the header says.
std::optional<std::vector<FrontEntry>> decode_front(const RoundHeader& header, BytesView front);

// Packs a round: entries are added, then finished into bytes. The buffer must hold header.bytes() rounded up
// to blocks; what lies behind the last payload is zeroed.
class RoundPacker {
 public:
  void add(const JournalEntry& entry) { entries_.push_back(&entry); }
  void add(const std::vector<JournalEntry>& entries) {
    for (const auto& entry : entries) add(entry);
  }
  uint64_t block_bytes() const;
  // Sets the sizes and checksums of `header`, writes everything to `into`, gives the bytes to write.
  uint64_t pack(RoundHeader& header, MutableBytes into) const;

 private:
  std::vector<const JournalEntry*> entries_;
};

}  // namespace godwit::storage::journal
