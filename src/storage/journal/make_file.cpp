#include "storage/journal/make_file.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/endian.h"
#include "runtime/shard.h"

namespace godwit::storage::journal {
namespace {

constexpr std::string_view kSuffix = ".journal";
constexpr std::string_view kMakingSuffix = ".journal.making";
constexpr size_t kDigits = 16;
constexpr uint64_t kPiece = 1 << 20;
// Of the disk's time the making takes one part in this many plus one.
constexpr int kPauseFactor = 2;

std::string hex_digits(uint64_t number) {
  std::array<std::byte, kDigits / 2> bytes;
  store_big(bytes.data(), number);
  return to_hex(bytes);
}

runtime::Task<Result<void>> fill(runtime::File& file, uint64_t number, uint64_t size,
                                 const std::atomic<bool>& urgent, const std::atomic<bool>& stop) {
  GW_TRY(co_return, co_await file.allocate(size));
  runtime::AlignedBuffer zeros(std::min(kPiece, size));
  for (uint64_t at = 0; at < size; at += zeros.size()) {
    if (stop) co_return fail(ErrorKind::closed, "the journal closes");
    const BytesView piece = zeros.view().first(std::min<uint64_t>(zeros.size(), size - at));
    const MonotonicTime begin = runtime::Shard::current()->now();
    GW_TRY(co_return, co_await file.write_at(at, {&piece, 1}));
    const Duration took = runtime::Shard::current()->now() - begin;
    if (!urgent) co_await runtime::sleep_for(took * kPauseFactor);
  }
  // The blank header says "never written" only once every byte behind it is in place.
  GW_TRY(co_return, co_await file.sync());
  RoundHeader blank;
  blank.kind = RoundHeader::Kind::blank;
  blank.file = number;
  encode_header(blank, zeros.data());
  const BytesView block = zeros.view().first(kBlock);
  GW_TRY(co_return, co_await file.write_at(0, {&block, 1}));
  co_return co_await file.sync();
}

}  // namespace

std::string file_name(uint64_t number) {
  return hex_digits(number).append(kSuffix);
}

std::string making_name(uint64_t number) {
  return hex_digits(number).append(kMakingSuffix);
}

std::optional<uint64_t> parse_file_name(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, number, 16);
  if (error != std::errc{} || end != name.data() + kDigits) return std::nullopt;
  if (file_name(number) != name) return std::nullopt;
  return number;
}

bool is_making_name(std::string_view name) {
  return name.size() == kDigits + kMakingSuffix.size() && name.ends_with(kMakingSuffix);
}

runtime::Task<Result<std::unique_ptr<runtime::File>>> open_file(runtime::FileSystem& files, std::string path,
                                                                bool direct, runtime::OpenOptions::Lane lane,
                                                                runtime::OpenOptions::Create create) {
  runtime::OpenOptions options{.write = true, .create = create, .direct = direct, .lane = lane};
  auto file = co_await files.open(path, options);
  if (!file || kBlock % (*file)->alignment() == 0) co_return file;
  // A disk whose blocks are larger than ours.
  options.direct = false;
  options.create = runtime::OpenOptions::Create::never;
  co_return co_await files.open(std::move(path), options);
}

runtime::Task<Result<void>> make_file(runtime::FileSystem& files, std::string directory, uint64_t number,
                                      uint64_t size, bool direct, const std::atomic<bool>& urgent,
                                      const std::atomic<bool>& stop) {
  const std::string making = directory + "/" + making_name(number);
  Result<void> made;
  {
    auto file = co_await open_file(files, making, direct, runtime::OpenOptions::Lane::write_back,
                                   runtime::OpenOptions::Create::if_missing);
    if (!file) co_return fail(file.error());
    made = co_await fill(**file, number, size, urgent, stop);
  }
  if (!made) {
    // Its space may be what others wait for.
    (void)co_await files.remove(making);
    co_return made;
  }
  GW_TRY(co_return, co_await files.rename(making, directory + "/" + file_name(number)));
  co_return co_await files.sync_directory(directory);
}

}  // namespace godwit::storage::journal
