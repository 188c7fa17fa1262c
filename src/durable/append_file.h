// A file of records that only grows, for little traffic: what append() returned for is there after a crash.
//
//   auto opened = co_await AppendFile::open(files, directory + "/topics", {"godwit-t", 1});
//   for (const Bytes& record : opened->records) apply(record);
//   co_await opened->file->append(record);
//   if (opened->file->size() > limit) co_await opened->file->replace(snapshot);
//
// Records of one append stand in one batch, all or none of them. A batch starts on a block of its own, so that
// no write touches a block that holds something acknowledged. On one shard, one call at a time.
// docs/formats/durable.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "durable/two_copy_file.h"
#include "runtime/file.h"
#include "runtime/random.h"

namespace godwit::durable {

class AppendFile {
 public:
  struct Opened;

  // Loads what is there, or makes the file. A last batch that is not whole is cut off: it was never
  // acknowledged (that the last batch rotted cannot be told from that). Errors: corrupt (damage before the
  // last batch, named by position; nothing was changed), unsupported (a newer format; nothing was changed),
  // limit (larger than size_max bytes), io, permission, no_space.
  static runtime::Task<Result<Opened>> open(runtime::FileSystem& files, std::string path, FormatMark format,
                                            runtime::Random& random, uint64_t size_max = 1ULL << 30);

  // Adds the records; durable on return. Errors: limit (the file would exceed size_max: replace() it first),
  // no_space (nothing was added; may be tried again), io (as any later call: never written again; whether the
  // records will be found is not known).
  runtime::Task<Result<void>> append(std::vector<Bytes> records);

  // Replaces all records by these, at once: after a crash there are the old ones or these. Errors as append;
  // the old ones stay then.
  runtime::Task<Result<void>> replace(std::vector<Bytes> records);

  // Bytes on the disk.
  uint64_t size() const { return end_; }

 private:
  AppendFile(runtime::FileSystem& files, std::string path, FormatMark format, runtime::Random& random,
             uint64_t size_max);
  struct Batch;
  runtime::Task<Result<void>> make(std::vector<Bytes> records);
  runtime::Task<Result<void>> load(Opened& out);
  runtime::Task<Result<Bytes>> read_whole();
  Result<uint64_t> parse(BytesView all, Opened& out);
  bool another_batch_behind(BytesView all, uint64_t position, uint64_t sequence) const;
  Bytes encode(const std::vector<Bytes>& records, uint64_t sequence, uint64_t salt, bool more) const;

  runtime::FileSystem& files_;
  std::string path_;
  FormatMark format_;
  runtime::Random& random_;
  uint64_t size_max_;
  std::unique_ptr<runtime::File> file_;
  uint64_t salt_ = 0;      // of this file: bytes of a record cannot pass for a batch
  uint64_t sequence_ = 0;  // of the last batch, from 1 in each file
  uint64_t end_ = 0;
  std::optional<Error> failed_;
};

struct AppendFile::Opened {
  std::unique_ptr<AppendFile> file;
  std::vector<Bytes> records;
  // How many bytes behind the last whole batch were cut off; zero when the end was clean.
  uint64_t cut_bytes = 0;
};

}  // namespace godwit::durable
