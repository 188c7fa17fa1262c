// Contents that are replaced as a whole, often, and may be large (the checkpoint): two copies in turn.
//
//   TwoCopyFile checkpoint(files, directory + "/checkpoint", {"godwit-c", 1});
//   auto found = co_await checkpoint.read();          // before the first write
//   co_await checkpoint.write(parts);
//
// The copies are NAME.a and NAME.b. write() overwrites the older one in place and syncs it, so the newer one
// is whole at every moment. A copy is made beside and renamed, so one that is there and not valid was torn by
// a crash while it was the older of two, or has rotted: never merely begun. Past the page cache. On one
// shard, one call at a time. docs/formats/durable.md.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/file.h"

namespace godwit::durable {

// What stands at the head of a file: eight characters that name it, and a version that only grows.
struct FormatMark {
  std::string magic;
  uint32_t version = 1;
};

class TwoCopyFile {
 public:
  TwoCopyFile(runtime::FileSystem& files, std::string path, FormatMark format,
              uint64_t size_max = 1ULL << 32);

  struct Contents {
    Bytes bytes;
    uint64_t sequence = 0;  // counts the writes
    uint32_t version = 0;   // of the format that they were written in
    // The other copy's fault, a sentence; empty when it is whole or was never made. A crash during write()
    // leaves such a copy too; only when nothing crashed it is rot.
    std::string other_copy;
  };
  // The newest valid copy, or empty when there never was one. Errors: corrupt (copies are there and none is
  // valid, though all of both could be read), unsupported (a copy of a newer format, though the other be
  // readable; nothing was changed), io (also where none is valid and one could not be read: it may be
  // whole), permission.
  runtime::Task<Result<std::optional<Contents>>> read();

  // What read() gave cannot be used, though it is what was written: the copy before it, or empty where that is not valid.
  // After a copy was given the next write() overwrites the one that is of no use. Errors as read().
  runtime::Task<Result<std::optional<Contents>>> read_older();

  // Replaces the contents; durable on return. read() went before, once. Errors: no_space (the previous
  // contents stay valid; may be tried again), io (as any later call: this file is never written again),
  // permission.
  runtime::Task<Result<void>> write(std::span<const BytesView> parts);

 private:
  struct Copy;
  runtime::Task<Result<Copy>> load(size_t which);
  runtime::Task<Result<void>> make_copy(size_t which, std::span<const BytesView> parts);
  runtime::Task<Result<void>> overwrite_copy(size_t which, std::span<const BytesView> parts);
  std::string path_of(size_t which) const;

  runtime::FileSystem& files_;
  std::string path_;
  FormatMark format_;
  uint64_t size_max_;
  bool read_ = false;
  std::array<bool, 2> exists_{};
  size_t newest_ = 1;  // so that the first write makes .a
  uint64_t sequence_ = 0;
  std::optional<Error> failed_;
};

}  // namespace godwit::durable
