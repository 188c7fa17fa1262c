#include "runtime/buffered_reader.h"

#include <algorithm>
#include <cstring>

namespace godwit::runtime {

Task<Result<size_t>> BufferedReader::read_some(MutableBytes into) {
  if (begin_ == end_) {
    // Much is read to where it belongs.
    if (into.size() >= buffer_.size()) co_return co_await stream_->read_some(into);
    begin_ = end_ = 0;
    const auto count = co_await stream_->read_some(buffer_);
    if (!count || *count == 0) co_return count;
    end_ = *count;
  }
  const size_t count = std::min(into.size(), end_ - begin_);
  std::memcpy(into.data(), buffer_.data() + begin_, count);
  begin_ += count;
  co_return count;
}

Task<Result<void>> BufferedReader::read_exactly(MutableBytes into) {
  while (!into.empty()) {
    const auto count = co_await read_some(into);
    if (!count) co_return fail(count.error());
    if (*count == 0) co_return fail(ErrorKind::closed, "the peer ended the connection");
    into = into.subspan(*count);
  }
  co_return Result<void>();
}

}  // namespace godwit::runtime
