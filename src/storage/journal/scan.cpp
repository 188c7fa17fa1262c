#include "storage/journal/scan.h"

#include <algorithm>
#include <array>

namespace godwit::storage::journal {
namespace {

class Scan {
 public:
  Scan(runtime::File& file, uint64_t size, uint64_t number, Sequence released, uint64_t payload_max)
      : reader_(file, size), number_(number), released_(released), payload_max_(payload_max) {}

  runtime::Task<ScannedFile> run() {
    uint64_t position = 0;
    while (position < reader_.size() && !out_.newer) position = co_await look_at(position);
    out_.unreadable = reader_.unreadable();
    out_.unreadable_blocks = reader_.unreadable_blocks();
    co_return std::move(out_);
  }

 private:
  // Gives where to look next.
  runtime::Task<uint64_t> look_at(uint64_t position) {
    const uint64_t next_block = position + kBlock;
    // Old rounds behind the newest pass, block after block.
    if (reader_.lacks(position, kMagic)) co_return next_block;
    std::array<std::byte, kHeaderBytes> bytes;
    if (!co_await reader_.read(position, bytes)) co_return next_block;
    RoundHeader header;
    const HeaderFinding finding = decode_header(bytes.data(), header);
    if (finding == HeaderFinding::newer && position == 0) {
      out_.newer = true;
      co_return reader_.size();
    }
    if (finding != HeaderFinding::good) co_return next_block;
    if (header.file != number_ || header.position != position) co_return next_block;
    if (header.kind == RoundHeader::Kind::blank) {
      out_.blank = true;
      co_return reader_.size();
    }
    if (position == 0) salt_ = header.salt;
    if (salt_ && header.salt != *salt_) co_return next_block;
    out_.rounds.push_back(co_await look_inside(header));
    co_return position + header.block_bytes();
  }

  runtime::Task<ScannedRound> look_inside(RoundHeader header) {
    ScannedRound round;
    round.header = header;
    if (header.position + header.bytes() > reader_.size()) co_return round;
    if (header.sequence <= released_) {
      round.intact = true;
      co_return round;
    }
    Bytes front(header.front_bytes);
    const uint64_t front_at = header.position + kHeaderBytes;
    if (!co_await reader_.read(front_at, front)) co_return round;
    const auto entries = decode_front(header, front);
    if (!entries) co_return round;
    uint64_t payload_at = front_at + header.front_bytes;
    round.unchecked = header.payload_bytes > payload_max_;
    for (const FrontEntry& entry : *entries) {
      const TableEntry& table = entry.table;
      if (!round.unchecked) {
        const auto crc = co_await reader_.checksum(payload_at, table.payload_bytes);
        if (!crc || *crc != table.payload_checksum) {
          round.entries.clear();
          co_return round;
        }
      }
      round.entries.push_back({table.kind,
                               to_bytes(entry.meta),
                               {number_, payload_at, table.payload_bytes, table.payload_checksum}});
      payload_at += table.payload_bytes;
    }
    round.intact = true;
    co_return round;
  }

  BlockReader reader_;
  uint64_t number_;
  Sequence released_;
  uint64_t payload_max_;
  std::optional<uint64_t> salt_;
  ScannedFile out_;
};

}  // namespace

runtime::Task<Result<ScannedFile>> scan_file(runtime::File& file, uint64_t number, Sequence released,
                                             uint64_t payload_max) {
  const auto size = co_await file.size();
  if (!size) co_return fail(size.error());
  Scan scan(file, *size, number, released, payload_max);
  ScannedFile found = co_await scan.run();
  found.ends_early = *size % kBlock != 0;
  co_return found;
}

runtime::Task<size_t> check_payloads(runtime::File& file, ScannedFile& found,
                                     std::vector<ScannedRound*> rounds) {
  const auto size = co_await file.size();
  BlockReader reader(file, size ? *size : 0);
  size_t broken = 0;
  for (ScannedRound* const round : rounds) {
    round->unchecked = false;
    for (const ScannedEntry& entry : round->entries) {
      const auto crc = co_await reader.checksum(entry.payload.position, entry.payload.size);
      if (crc && *crc == entry.payload.checksum) continue;
      round->intact = false;
      round->entries.clear();
      ++broken;
      break;
    }
  }
  for (const Unreadable& range : reader.unreadable()) {
    const auto known = std::ranges::find_if(found.unreadable, [&](const Unreadable& other) {
      return other.position <= range.position && range.position < other.position + other.size;
    });
    if (known != found.unreadable.end()) continue;
    found.unreadable.push_back(range);
    found.unreadable_blocks += range.size / kBlock;
  }
  co_return broken;
}

}  // namespace godwit::storage::journal
