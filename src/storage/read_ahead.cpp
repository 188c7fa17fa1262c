#include "storage/read_ahead.h"

namespace godwit::storage {

std::shared_ptr<ReadAhead> ReadAhead::start(std::shared_ptr<ReadBuffers> buffers,
                                            std::shared_ptr<runtime::File> file, Position from, Position to) {
  ReadBuffers::Buffer buffer = buffers->try_get(block_buffer_size(from, to));
  if (!buffer) return nullptr;
  auto ahead = std::make_shared<ReadAhead>(from, to);
  runtime::Shard::current()->spawn(run(ahead, std::move(buffers), std::move(file), std::move(buffer)));
  return ahead;
}

runtime::Task<void> ReadAhead::run(std::shared_ptr<ReadAhead> self, std::shared_ptr<ReadBuffers> buffers,
                                   std::shared_ptr<runtime::File> file, ReadBuffers::Buffer buffer) {
  SegmentBlock block = co_await read_block(std::move(file), std::move(buffer), self->from_, self->to_);
  // Nobody has it any more, or somebody needs the memory more.
  if (self.use_count() == 1 || (self->waiting_ == 0 && buffers->pressed())) {
    self->given_up_ = true;
  } else {
    self->block_ = std::move(block);
    buffers->offer(*self);
  }
  self->done_.notify_all();
}

runtime::Task<std::optional<SegmentBlock>> ReadAhead::take(std::shared_ptr<ReadAhead> self) {
  ++self->waiting_;
  struct Leave {
    ReadAhead& ahead;
    ~Leave() { --ahead.waiting_; }
  } const leave{*self};
  while (!self->block_ && !self->given_up_) co_await self->done_.wait();
  self->passed_by = 0;
  co_return self->block_;
}

void ReadAhead::give_up() {
  given_up_ = true;
  block_.reset();
}

}  // namespace godwit::storage
