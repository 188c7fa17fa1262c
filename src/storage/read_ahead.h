// The block that follows a reader which goes forward, read before it asks.
//
// Belongs to one shard. The read goes on when the reader is gone; its buffer comes back then.
#pragma once

#include <memory>

#include "runtime/sync.h"
#include "storage/segment_block.h"

namespace godwit::storage {

class ReadAhead final : public ReadBuffers::Spare {
 public:
  // Starts reading [from, to) of `file` on the current shard. Null when there is no memory to spare.
  static std::shared_ptr<ReadAhead> start(std::shared_ptr<ReadBuffers> buffers,
                                          std::shared_ptr<runtime::File> file, Position from, Position to);

  ReadAhead(Position from, Position to) : from_(from), to_(to) {}

  Position from() const { return from_; }
  Position to() const { return to_; }
  bool covers(Position at) const { return !given_up_ && at >= from_ && at < to_; }
  // The block once it is there; empty when it was given up meanwhile. `self` keeps it.
  static runtime::Task<std::optional<SegmentBlock>> take(std::shared_ptr<ReadAhead> self);
  bool under_way() const { return !block_ && !given_up_; }
  bool given_up() const { return given_up_; }
  void give_up() override;

  // Reads of others that went by since it was last used.
  size_t passed_by = 0;

 private:
  static runtime::Task<void> run(std::shared_ptr<ReadAhead> self, std::shared_ptr<ReadBuffers> buffers,
                                 std::shared_ptr<runtime::File> file, ReadBuffers::Buffer buffer);

  Position from_;
  Position to_;
  std::optional<SegmentBlock> block_;
  size_t waiting_ = 0;
  bool given_up_ = false;
  runtime::Condition done_;
};

}  // namespace godwit::storage
