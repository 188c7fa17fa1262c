// Hands out file ids, each once in the life of a data directory (rule 1): lots are reserved in the journal
// before the first id of one is used.
#pragma once

#include "base/result.h"
#include "runtime/sync.h"
#include "storage/journal.h"
#include "storage/segment_file.h"

namespace godwit::storage {

// Belongs to one shard.
class FileIdLots {
 public:
  // `next`: above every id that checkpoint and journal know of.
  FileIdLots(Journal& journal, FileId next) : journal_(journal), below_(next) {}

  // Reserves ids [first, first + count), durable on return. Errors as Journal::write.
  runtime::Task<Result<FileId>> reserve(uint64_t count);
  // Above every id that was reserved.
  FileId below() const { return below_; }

 private:
  Journal& journal_;
  FileId below_;
};

// The ids of one shard, taken from the lots of shard 0.
class FileIds {
 public:
  FileIds(FileIdLots& lots, runtime::Shard& lots_shard) : lots_(lots), lots_shard_(lots_shard) {}

  // An id that nobody had. Errors as Journal::write.
  runtime::Task<Result<FileId>> next();

 private:
  static constexpr uint64_t kLot = 4096;
  FileIdLots& lots_;
  runtime::Shard& lots_shard_;
  uint64_t next_ = 0;
  uint64_t below_ = 0;
  runtime::Mutex refill_;
};

}  // namespace godwit::storage
