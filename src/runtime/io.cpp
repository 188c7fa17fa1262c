#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "runtime/file.h"
#include "runtime/stream.h"

namespace godwit::runtime {

std::string to_string(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorKind::invalid, "'" + std::string(text) + "' is not HOST:PORT: " + std::string(why));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("there is no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return bad("the bracket is not closed");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad("an IPv6 address stands in brackets");
  }
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port > 65535) {
    return bad("the port is not a number from 0 to 65535");
  }
  return Endpoint{std::string(host), static_cast<uint16_t>(port)};
}

Task<Result<void>> read_exactly(Stream& stream, MutableBytes into) {
  while (!into.empty()) {
    const auto count = co_await stream.read_some(into);
    if (!count) co_return fail(count.error());
    if (*count == 0) co_return fail(ErrorKind::closed, "the peer ended the connection");
    into = into.subspan(*count);
  }
  co_return Result<void>();
}

AlignedBuffer::AlignedBuffer(size_t size) : size_(size) {
  if (size == 0) return;
  const size_t rounded = (size + 4095) / 4096 * 4096;
  data_ = static_cast<std::byte*>(std::aligned_alloc(4096, rounded));
  GW_CHECK(data_ != nullptr, "there is memory for an I/O buffer");
  std::memset(data_, 0, rounded);
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  std::free(data_);
}

Task<Result<Bytes>> read_file(FileSystem& files, std::string path, size_t size_max) {
  auto file = co_await files.open(path, {});
  if (!file) co_return fail(file.error());
  const auto size = co_await (*file)->size();
  if (!size) co_return fail(size.error());
  if (*size > size_max)
    co_return fail(ErrorKind::limit, path + " is larger than " + std::to_string(size_max) + " bytes");
  Bytes bytes(*size);
  const auto count = co_await (*file)->read_at(0, bytes);
  if (!count) co_return fail(count.error());
  bytes.resize(*count);
  co_return bytes;
}

}  // namespace godwit::runtime
