// A reader that is a member of a consumer group.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "client/handle.h"

namespace godwit::client {

class GroupReader final : public Reader {
 public:
  // Where the group goes on, for each partition: the offset after the last record that is done.
  using Progress = std::map<std::pair<std::string, int32_t>, int64_t>;

  static Result<std::unique_ptr<GroupReader>> make(const Options& options, const ReaderOptions& wanted);
  ~GroupReader() override;

  Result<std::vector<Record>> read(size_t records_max, std::chrono::milliseconds wait) override;
  Result<void> commit() override;
  bool at_end() const override;
  void close() override;

  // Commits this much, of the partitions that this member still has: what it lost is somebody else's to commit.
  Result<void> commit(const Progress& progress);

 private:
  explicit GroupReader(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;
  // While librdkafka is polled, so that close() does not take it away.
  mutable std::mutex polling_;
  std::atomic<bool> closed_{false};
  bool left_ = false;
  Progress given_;
  std::set<std::pair<std::string, int32_t>> ended_;
};

}  // namespace godwit::client
