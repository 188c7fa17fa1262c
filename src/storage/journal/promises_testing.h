// Test oracle: what a journal promised to its callers, and whether a recovery keeps it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "storage/journal/journal_testing.h"

namespace godwit::storage::journal_test {

// Lives outside of the simulated processes. Ids are unique over all calls.
struct Promises {
  std::map<std::string, size_t> asked;  // id to payload size, whatever became of it
  std::map<std::string, Sequence> acknowledged;
  Sequence handed_out;  // the highest sequence that anybody was told
  Sequence released;    // what the checkpoint says
  size_t next_id = 0;

  std::string new_id() { return "id" + std::to_string(next_id++); }
};

// Writes one call of `entries` entries; notes what was asked and what was promised.
Task<Result<Sequence>> write_noted(Journal& journal, Promises& promises, size_t entries, size_t size);

// The checkpoint is durable, then the journal hears of it.
Task<void> release_noted(Journal& journal, Promises& promises, Sequence through);

JournalOptions with_released(JournalOptions options, const Promises& promises);

// Reads everything back: all that was acknowledged and not released is there, once, in order, under its
// sequence; what was not acknowledged is there whole or not at all; there is no damage. What is there counts
// as acknowledged from now on. `may_lose_tail`: a suffix of what was acknowledged may be gone (buffered mode
// after a power cut), and is forgotten.
Task<void> expect_kept(OpenJournal& open, Promises& promises, bool may_lose_tail = false);

}  // namespace godwit::storage::journal_test
