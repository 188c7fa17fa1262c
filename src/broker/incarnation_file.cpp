#include "broker/incarnation_file.h"

#include <array>

namespace godwit::broker {

using runtime::Task;

namespace {
constexpr size_t kSize = 8;  // big endian
}

IncarnationFile::IncarnationFile(runtime::FileSystem& files, const std::string& directory)
    : file_(files, directory + "/incarnation", {"godwit-n", 1}, 4096) {}

Task<Result<uint64_t>> IncarnationFile::read() {
  const auto found = co_await file_.read();
  const bool corrupt =
      found ? *found && (*found)->bytes.size() != kSize : found.error().kind == ErrorKind::corrupt;
  if (corrupt) {
    co_return fail(
        ErrorKind::corrupt,
        "the files incarnation.a and incarnation.b of the data directory are damaged: remove them where the "
        "coordination store was never put back from a backup; else look at the disk");
  }
  if (!found) co_return fail(found.error());
  uint64_t incarnation = 0;
  if (*found) {
    for (const std::byte one : (*found)->bytes)
      incarnation = incarnation << 8 | std::to_integer<uint64_t>(one);
  }
  co_return incarnation;
}

Task<Result<void>> IncarnationFile::write(uint64_t incarnation) {
  std::array<std::byte, kSize> bytes{};
  for (size_t i = 0; i < kSize; ++i) bytes[i] = static_cast<std::byte>(incarnation >> 8 * (kSize - 1 - i));
  const std::array<BytesView, 1> parts{BytesView(bytes)};
  co_return co_await file_.write(parts);
}

}  // namespace godwit::broker
