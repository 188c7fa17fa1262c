// The highest incarnation that this data directory ever had: a coordination store that came back from a backup counts from an older
// number, and no two processes may have the same one (design-cluster rule 1). The files "incarnation.a" and ".b".
//
// One call at a time, on shard 0. The file system must outlive it.
#pragma once

#include <string>

#include "durable/two_copy_file.h"

namespace godwit::broker {

class IncarnationFile {
 public:
  IncarnationFile(runtime::FileSystem& files, const std::string& directory);

  // 0: none was noted yet. To be called first. Errors: those of TwoCopyFile::read; the message of `corrupt` says what to do.
  runtime::Task<Result<uint64_t>> read();
  // Durable on return. Errors: those of TwoCopyFile::write.
  runtime::Task<Result<void>> write(uint64_t incarnation);

 private:
  durable::TwoCopyFile file_;
};

}  // namespace godwit::broker
