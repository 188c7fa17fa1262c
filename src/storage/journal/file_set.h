// The files of a journal and what each is for now: free, being written, or full of rounds that are needed.
//
// No I/O and no waiting. On the journal's shard.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "runtime/file.h"
#include "storage/journal/round.h"

namespace godwit::storage::journal {

struct JournalFile {
  uint64_t number = 0;
  uint64_t size = 0;  // bytes, whole blocks
  std::unique_ptr<runtime::File> handle;
  // The rounds of its newest pass that were acknowledged or recovered; zero when there are none.
  Sequence first;
  Sequence last;
  // Where the next round goes; of the current file only.
  uint64_t position = 0;
  uint64_t salt = 0;
  // Written since it was last synced (buffered mode).
  bool dirty = false;
  // Holds what an earlier process wrote.
  bool recovered = false;
  // Once free it is deleted rather than written: its disk gave errors, or there are enough others.
  bool retire = false;
  // Not before everything up to here is released: it holds what is named as damage.
  Sequence keep_until;

  bool needed(Sequence released) const {
    return (first.value() > 0 && last > released) || keep_until > released;
  }
};

class FileSet {
 public:
  // `files_min` as in JournalOptions; `released` so far.
  FileSet(size_t files_min, uint64_t file_bytes, Sequence released)
      : files_min_(files_min), file_bytes_(file_bytes), released_(released) {}

  void add(JournalFile file);
  JournalFile* find(uint64_t number);
  // The file that rounds go to now, or null.
  JournalFile* current() { return current_; }
  // Where a round of `bytes` goes: the current file, or a free one, which becomes current (position 0, the
  // caller sets its salt); null when there is none.
  JournalFile* place(uint64_t bytes, bool& begins);
  // A round stands in the current file and was answered well.
  void wrote(Sequence sequence, uint64_t bytes);
  // Gives the files that are to be deleted; they are in the set no more.
  std::vector<JournalFile> release(Sequence through);

  // How many files there should be and are not.
  size_t missing() const;
  // Whether a round of `bytes` would find no place.
  bool full(uint64_t bytes) const;
  bool has_free() const { return free_file(1) != nullptr; }
  Sequence released() const { return released_; }
  Journal::Usage usage(Sequence last) const;
  std::list<JournalFile>& all() { return files_; }

 private:
  bool is_free(const JournalFile& file) const {
    return &file != current_ && !file.retire && !file.needed(released_);
  }
  // The one that has been free for longest and has room; files_ is kept in that order.
  const JournalFile* free_file(uint64_t bytes) const;

  size_t files_min_;
  uint64_t file_bytes_;
  Sequence released_;
  std::list<JournalFile> files_;  // addresses stay; those used last stand at the end
  JournalFile* current_ = nullptr;
};

}  // namespace godwit::storage::journal
