#include "storage/segment_block.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace godwit::storage {
namespace {

uint64_t down(uint64_t position, uint64_t to) {
  return position / to * to;
}
uint64_t up(uint64_t position, uint64_t to) {
  return down(position + to - 1, to);
}

struct Piece {
  size_t size = 0;  // bytes that were read
  std::optional<Error> error;
};

// Reads `into` from `position` in steps of at most `step` bytes, until one fails or the file ends.
runtime::Task<Piece> read_in_steps(runtime::File& file, uint64_t position, MutableBytes into, size_t step) {
  Piece piece;
  while (piece.size < into.size()) {
    const size_t wanted = std::min(step, into.size() - piece.size);
    auto count = co_await file.read_at(position + piece.size, into.subspan(piece.size, wanted));
    if (!count) {
      piece.error = std::move(count).error();
      break;
    }
    piece.size += *count;
    if (*count < wanted) break;
  }
  co_return piece;
}

}  // namespace

size_t block_buffer_size(Position from, Position to) {
  return up(to.value(), kSegmentBlock) - down(from.value(), kSegmentBlock);
}

runtime::Task<SegmentBlock> read_block(std::shared_ptr<runtime::File> file, ReadBuffers::Buffer buffer,
                                       Position from, Position to) {
  const uint64_t at = down(from.value(), kSegmentBlock);
  const size_t size = block_buffer_size(from, to);
  GW_CHECK(buffer->size() >= size, "the buffer holds the block");
  const MutableBytes into = buffer->bytes().first(size);
  Piece read = co_await read_in_steps(*file, at, into, size);
  // A bad sector fails the whole operation: what precedes it is found by smaller ones.
  for (size_t step : {size_t{64} << 10, kSegmentBlock}) {
    if (!read.error || read.error->kind != ErrorKind::io || step >= size) continue;
    const Piece rest = co_await read_in_steps(*file, at + read.size, into.subspan(read.size), step);
    read.size += rest.size;
    read.error = rest.error;
    if (!read.error) break;
  }
  SegmentBlock block{.from = from,
                     .to = to,
                     .valid_to = std::clamp(Position(at + read.size), from, to),
                     .error = std::move(read.error),
                     .buffer = std::move(buffer),
                     .buffer_at = Position(at)};
  if (block.error) {
    block.error->message =
        fmt::format("{} at byte {}: {}", file->path(), block.valid_to.value(), block.error->message);
  } else if (block.valid_to < to) {
    block.error = Error{ErrorKind::corrupt, fmt::format("{} at byte {}: the file ends before its batches do",
                                                        file->path(), block.valid_to.value())};
  }
  co_return block;
}

}  // namespace godwit::storage
