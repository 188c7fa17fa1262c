// Watches how full the disk is (rule 15): publishing ends while what is admitted could still be written, and
// goes on by itself when there is room again.
//
//   available = what the file system gives us
//   needed    = bytes of tails that are not in files yet
//
//   available >= needed + reserve   publishing goes on
//   below                           publishing is refused, but for internal topics
//   below needed + a margin, or a write-back that found no space
//                                   the ballast file is given up: write-back, checkpoints, internal topics and
//                                   deletion go on with its space; it is taken back before publishing goes on
//
// Belongs to shard 0.
#pragma once

#include <functional>
#include <string>

#include "runtime/sync.h"
#include "storage/store_context.h"

namespace godwit::storage {

// What the sizes of a disk, a journal and the options make of reserve and ballast, in bytes. Pure: bounded both
// ways, so that a disk of 1 GiB still publishes and one of 20 TB does not lose 400 GB.
struct SpacePlan {
  uint64_t reserve = 0;
  uint64_t ballast = 0;
};
SpacePlan plan_space(const StoreOptions& options, uint64_t disk_bytes);

class SpaceWatch {
 public:
  // `unwritten` gives the bytes in tails that are not in files, a moment old.
  SpaceWatch(StoreContext& context, std::function<runtime::Task<uint64_t>()> unwritten);

  // Looks at the disk, and makes, gives up or takes back the ballast as that asks for; sets
  // context.space_left and calls `changed` when it changed.
  runtime::Task<void> look();
  // Looks now and then, until close().
  runtime::Task<void> run();
  void close();
  // A write found no space.
  void no_space();
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }
  uint64_t ballast() const { return ballast_; }

 private:
  runtime::Task<void> set_ballast(uint64_t bytes);
  std::string ballast_path() const { return context_.options.directory + "/ballast"; }

  StoreContext& context_;
  std::function<runtime::Task<uint64_t>()> unwritten_;
  std::function<void()> changed_;
  runtime::Condition wake_;
  runtime::Mutex one_look_;
  std::optional<uint64_t> ballast_known_;
  uint64_t ballast_ = 0;
  bool give_up_ = false;
  // When a write last found no space; not before take_back_at_ is the ballast made again.
  std::optional<MonotonicTime> no_space_at_;
  MonotonicTime take_back_at_{};
  bool closed_ = false;
};

}  // namespace godwit::storage
