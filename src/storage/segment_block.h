// A stretch of a segment file in a read buffer.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "model/offset.h"
#include "storage/read_buffers.h"
#include "storage/segment_writer.h"

namespace godwit::storage {

struct SegmentBlock {
  Position from;  // bytes [from, to) were asked for
  Position to;
  Position valid_to;  // … and are there up to here: before `to` only with an error
  std::optional<Error> error;
  ReadBuffers::Buffer buffer;
  Position buffer_at;  // file position of the buffer's first byte

  bool has(Position at) const { return at >= from && at < valid_to; }
  // Bytes from `at`, which lies in [from, valid_to], up to valid_to.
  BytesView bytes(Position at) const { return buffer->view().subspan(at - buffer_at, valid_to - at); }
  // Bytes [at, end) within [from, valid_to), which keep the buffer.
  SharedBytes share(Position at, Position end) const { return {buffer, bytes(at).first(end - at)}; }
};

// Size of the buffer that a block of [from, to) needs.
size_t block_buffer_size(Position from, Position to);

// Reads [from, to) with one operation into `buffer`, which has block_buffer_size(from, to) bytes. Where it
// cannot be read whole, it is tried in smaller pieces, so that all that precedes the damage is there; the
// error names the first byte that is not. `file` and `buffer` are kept alive.
runtime::Task<SegmentBlock> read_block(std::shared_ptr<runtime::File> file, ReadBuffers::Buffer buffer,
                                       Position from, Position to);

}  // namespace godwit::storage
