// Reads one journal file and says what is in it, without judging what is missing (that is resolve.h).
#pragma once

#include <optional>
#include <vector>

#include "runtime/file.h"
#include "storage/journal/block_reader.h"

namespace godwit::storage::journal {

struct ScannedEntry {
  uint8_t kind = 0;
  Bytes meta;
  PayloadPlace payload;
};

struct ScannedRound {
  RoundHeader header;
  bool intact = false;
  // Its payloads were not looked at.
  bool unchecked = false;
  std::vector<ScannedEntry> entries;  // empty unless intact and above `released`
};

struct ScannedFile {
  bool newer = false;  // its format is of a later version; nothing else is filled in
  bool blank = false;  // made, and never written
  std::vector<ScannedRound> rounds;
  std::vector<Unreadable> unreadable;
  uint64_t unreadable_blocks = 0;
  bool ends_early = false;  // its size is no multiple of a block
};

// Payloads of rounds up to `released` are not looked at. Error io when not even the size can be had.
//
// Which headers count: the one at position 0 is always a round's, never payload, so it names the salt of the
// newest pass; other headers count only with that salt. So neither a stale round behind the newest pass nor
// bytes that a client published in a header's shape are taken for a round. Where the first header is damaged
// every header counts: stale ones are below `released` in sequence.
//
// Payloads of rounds with more than `payload_max` bytes are taken for whole.
runtime::Task<Result<ScannedFile>> scan_file(runtime::File& file, uint64_t number, Sequence released,
                                             uint64_t payload_max);

// Reads the payloads of rounds of that file that were not looked at; those that are not whole are not intact then. Gives
// how many; what cannot be read is added to what `found` has.
runtime::Task<size_t> check_payloads(runtime::File& file, ScannedFile& found,
                                     std::vector<ScannedRound*> rounds);

}  // namespace godwit::storage::journal
