// Coordination for one broker alone: memory, with a checksummed file in the data directory under it. A transaction is
// durable before it takes effect.
//
//   auto store = co_await LocalCoordination::open(files, random, data_dir + "/coordination");
#pragma once

#include <memory>
#include <string>

#include "coordination/memory/memory_coordination.h"
#include "durable/append_file.h"
#include "runtime/file.h"
#include "runtime/random.h"

namespace godwit::coordination {

class LocalCoordination final : public MemoryCoordination {
 public:
  // Loads the file, or makes it. Errors: corrupt (damage is named by position; nothing was changed), unsupported (a newer
  // format), io, permission, no_space.
  static runtime::Task<Result<std::unique_ptr<LocalCoordination>>> open(runtime::FileSystem& files,
                                                                        runtime::Random& random,
                                                                        std::string path);
  ~LocalCoordination() override;

 private:
  explicit LocalCoordination(std::unique_ptr<durable::AppendFile> file);
  runtime::Task<Result<void>> persist(const std::vector<Transaction::Write>& writes);
  // Replaces the file by what is there now, when most of it is history.
  runtime::Task<void> compact_if_due();
  Result<Bytes> snapshot() const;

  std::unique_ptr<durable::AppendFile> file_;
  uint64_t size_after_compaction_ = 0;
};

}  // namespace godwit::coordination
