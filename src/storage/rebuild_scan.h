// The batches of one segment file, for a start that knows nothing of the file but what it holds (rebuild.h).
//
// A batch's checksum covers its records but not its base offset and leader epoch, and here no checkpoint bounds them. So each
// batch needs a witness for where it stands: the file's index (checksums of these bytes for each interval), the journal (its
// bytes were there, under the journal's checksum), or its neighbours, whose offsets it continues. What has none is left out,
// and its offsets are a damage.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "runtime/task.h"
#include "storage/rebuild_facts.h"

namespace godwit::runtime {
class FileSystem;
}

namespace godwit::storage {

// Ranges of a file that came from the journal again: disjoint, by where they begin.
class JournalledRanges {
 public:
  void add(Position from, Position to);
  bool covers(Position from, Position to) const;

 private:
  std::map<Position, Position> ranges_;
};

// All batches of the file whose records are whole and whose place is witnessed. `base`: its first offset, where the journal
// or an older checkpoint knows it. Errors: io, permission (the file cannot be opened).
runtime::Task<Result<FoundFile>> scan_segment(runtime::FileSystem& files, std::string folder, FileId file,
                                              std::optional<Offset> base, JournalledRanges journalled);

// Leaves those of `file.batches` whose offsets and epochs are witnessed; what the others claim becomes file.damaged. Pure.
// `base` as above.
void keep_witnessed(FoundFile& file, std::optional<Offset> base);

}  // namespace godwit::storage
