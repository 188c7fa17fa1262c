// The start without a usable checkpoint (rule 11): what the journals and the segment files tell of every log.
//
// Every round that is still in the journals is written to its segment file again (the same bytes at the same places),
// then all segment files are read, batch by batch, and what is whole in them is the log. Records of the journals say
// which files were cut, replaced or dropped; of what is older the files themselves must tell: a file with a higher id
// continues the log where it begins (file ids of a log grow, rule 1), so what older files have at or behind that offset
// was truncated, or replaced by compaction.
//
// What cannot be known: the start of a log whose last DeleteRecords is no longer in the journal (deleted records of the
// first file come back), logs that were empty, high watermarks, and whether the newest bytes of a file are all that
// there were. So every log that is rebuilt says that it cannot prove to be whole (LogState::unproven).
//
// On shard 0. Crashes: nothing is changed but segment files, which get bytes that the journal holds until the new
// checkpoint is written; a start after a crash does it all again.
#pragma once

#include <map>
#include <vector>

#include "storage/checkpoint.h"
#include "storage/store_context.h"
#include "storage/structure_record.h"

namespace godwit::storage {

struct RebuildSource {
  Journal* journal = nullptr;
  const std::vector<RecoveredEntry>* entries = nullptr;
  Sequence last;
};

// `older`: a checkpoint that the journals have gone past, where there is one. What it says of logs is used. Errors: io,
// permission, no_space, unsupported and corrupt (a journal entry that this build does not know).
runtime::Task<Result<Checkpoint>> rebuild_checkpoint(StoreContext& context, RebuildSource synced,
                                                     RebuildSource relaxed, Checkpoint older);

}  // namespace godwit::storage
