// What a start makes of the files that it finds: scan, resolve, sync; nothing is written.
//
// Headers and fronts of all rounds are read; of payloads only those that nothing else vouches for: a round that a later
// mark covers was whole when it was acknowledged, and whoever needs its payload checks it.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "storage/journal/file_set.h"
#include "storage/journal/resolve.h"
#include "storage/journal/scan.h"

namespace godwit::storage::journal {

struct Recovered {
  std::vector<JournalFile> files;  // in the order of their last rounds, oldest first
  std::vector<RecoveredEntry> entries;
  std::vector<JournalDamage> damages;
  std::vector<std::string> leftovers;  // names of files whose making was interrupted
  Sequence last;
  Sequence next;
  Sequence marked;
  Sequence released_mark;
  uint64_t next_file = 1;
};

// Errors as Journal::open.
// `background` reads: an ordinary shard, so that
// files are read at once.
runtime::Task<Result<Recovered>> recover(const JournalOptions& options, runtime::FileSystem& files,
                                         runtime::Shard& background, DiagnosticSink& diagnostics);

}  // namespace godwit::storage::journal
