// Reads a stream in fewer calls of the system: what has come behind the bytes that were asked for is kept for the next read, so
// that a small message takes one call, and not one for its head, one for its body, and one to learn that there is no more.
#pragma once

#include "runtime/stream.h"

namespace godwit::runtime {

class BufferedReader {
 public:
  // Takes up to `size` bytes from the stream (which outlives this) ahead of who reads them.
  BufferedReader(Stream& stream, size_t size) : stream_(&stream), buffer_(size) {}

  // As Stream::read_some and read_exactly.
  Task<Result<size_t>> read_some(MutableBytes into);
  Task<Result<void>> read_exactly(MutableBytes into);

 private:
  Stream* stream_;
  Bytes buffer_;
  // What is kept.
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace godwit::runtime
