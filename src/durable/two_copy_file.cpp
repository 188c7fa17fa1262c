#include "durable/two_copy_file.h"

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "durable/atomic_file.h"
#include "durable/direct_io.h"

namespace godwit::durable {
namespace {

using Create = runtime::OpenOptions::Create;

constexpr size_t kMagic = 8;
constexpr size_t kAtHeaderChecksum = 8;  // of all other bytes of the header
constexpr size_t kAtVersion = 12;
constexpr size_t kAtSequence = 16;
constexpr size_t kAtLength = 24;
constexpr size_t kAtChecksum = 32;  // of the contents
constexpr size_t kHeader = 64;

uint32_t header_checksum(BytesView header) {
  return crc32c_extend(crc32c(header.first(kAtHeaderChecksum)), header.subspan(kAtVersion));
}

}  // namespace

// One copy as it was found.
struct TwoCopyFile::Copy {
  bool exists = false;
  bool valid = false;
  bool newer = false;
  uint64_t sequence = 0;
  uint32_t version = 0;
  Bytes bytes;
  std::string fault;
  bool unread = false;  // the disk did not give all of it: whether it is valid is not known
};

TwoCopyFile::TwoCopyFile(runtime::FileSystem& files, std::string path, FormatMark format, uint64_t size_max)
    : files_(files), path_(std::move(path)), format_(std::move(format)), size_max_(size_max) {
  GW_CHECK(format_.magic.size() == kMagic, "a magic number has eight characters");
}

std::string TwoCopyFile::path_of(size_t which) const {
  return path_ + (which == 0 ? ".a" : ".b");
}

runtime::Task<Result<TwoCopyFile::Copy>> TwoCopyFile::load(size_t which) {
  Copy copy;
  const std::string path = path_of(which);
  auto file = co_await open_direct(files_, path, false, Create::never);
  if (!file) {
    if (file.error().kind == ErrorKind::not_found) co_return copy;
    co_return fail(file.error());
  }
  copy.exists = true;
  const auto size = co_await (*file)->size();
  if (!size) co_return fail(size.error());
  Bytes header(kHeader);
  const auto head = co_await read_blocks(**file, 0, header);
  copy.fault = path + " is not valid: ";
  if (!head) {
    copy.fault += head.error().message;
    copy.unread = true;
    co_return copy;
  }
  const bool shaped = *head == kHeader && as_text(BytesView(header).first(kMagic)) == format_.magic;
  if (!shaped || load_little<uint32_t>(header.data() + kAtHeaderChecksum) != header_checksum(header)) {
    copy.fault += "its header fails its checksum";
    co_return copy;
  }
  copy.version = load_little<uint32_t>(header.data() + kAtVersion);
  copy.newer = copy.version > format_.version;
  if (copy.newer) co_return copy;
  copy.sequence = load_little<uint64_t>(header.data() + kAtSequence);
  const auto length = load_little<uint64_t>(header.data() + kAtLength);
  if (length > size_max_ || length > *size - kHeader) {
    copy.fault += "it is shorter than it says";
    co_return copy;
  }
  Bytes all(kHeader + length);
  const auto count = co_await read_blocks(**file, 0, all);
  if (!count) {
    copy.fault += count.error().message;
    copy.unread = true;
    co_return copy;
  }
  all.erase(all.begin(), all.begin() + kHeader);
  if (*count != kHeader + length || crc32c(all) != load_little<uint32_t>(header.data() + kAtChecksum)) {
    copy.fault += "its contents fail their checksum";
    co_return copy;
  }
  copy.bytes = std::move(all);
  copy.valid = true;
  copy.fault.clear();
  co_return copy;
}

runtime::Task<Result<std::optional<TwoCopyFile::Contents>>> TwoCopyFile::read() {
  std::array<Copy, 2> copies;
  for (size_t i = 0; i < 2; ++i) {
    auto copy = co_await load(i);
    if (!copy) co_return fail(copy.error());
    copies[i] = std::move(*copy);
    exists_[i] = copies[i].exists;
    if (copies[i].newer) {
      co_return fail(ErrorKind::unsupported, path_of(i) + " has format " + std::to_string(copies[i].version) +
                                                 ", this build knows up to " +
                                                 std::to_string(format_.version) +
                                                 "; start the newer version, nothing was changed");
    }
  }
  read_ = true;
  if (!copies[0].valid && !copies[1].valid) {
    if (copies[0].exists || copies[1].exists) {
      // A disk that does not answer is no rot: what it holds may be whole, and is not given up.
      co_return fail(copies[0].unread || copies[1].unread ? ErrorKind::io : ErrorKind::corrupt,
                     copies[0].fault + (copies[0].exists && copies[1].exists ? "; " : "") + copies[1].fault);
    }
    co_return std::optional<Contents>();
  }
  newest_ = copies[1].valid && (!copies[0].valid || copies[1].sequence > copies[0].sequence) ? 1 : 0;
  Copy& newest = copies[newest_];
  sequence_ = newest.sequence;
  Contents contents;
  contents.bytes = std::move(newest.bytes);
  contents.sequence = newest.sequence;
  contents.version = newest.version;
  contents.other_copy = std::move(copies[1 - newest_].fault);
  co_return std::optional<Contents>(std::move(contents));
}

runtime::Task<Result<std::optional<TwoCopyFile::Contents>>> TwoCopyFile::read_older() {
  GW_CHECK(read_, "read() goes before read_older(): it says which copy is the older one");
  auto older = co_await load(1 - newest_);
  if (!older) co_return fail(older.error());
  if (older->unread) co_return fail(ErrorKind::io, older->fault);
  if (!older->valid) co_return std::optional<Contents>();
  // sequence_ stays: what is written next is newer than either.
  newest_ = 1 - newest_;
  co_return std::optional<Contents>(Contents{.bytes = std::move(older->bytes),
                                             .sequence = older->sequence,
                                             .version = older->version,
                                             .other_copy = {}});
}

runtime::Task<Result<void>> TwoCopyFile::write(std::span<const BytesView> parts) {
  GW_CHECK(read_, "read() goes before write(): it says which copy is the older one");
  if (failed_) co_return fail(*failed_);
  uint64_t length = 0;
  uint32_t checksum = crc32c({});
  for (const BytesView part : parts) {
    length += part.size();
    checksum = crc32c_extend(checksum, part);
  }
  if (length > size_max_) co_return fail(ErrorKind::limit, path_ + " would be too large");
  Bytes header(kHeader);
  std::memcpy(header.data(), format_.magic.data(), kMagic);
  store_little(header.data() + kAtVersion, format_.version);
  store_little(header.data() + kAtSequence, sequence_ + 1);
  store_little(header.data() + kAtLength, length);
  store_little(header.data() + kAtChecksum, checksum);
  store_little(header.data() + kAtHeaderChecksum, header_checksum(header));
  std::vector<BytesView> all{header};
  all.insert(all.end(), parts.begin(), parts.end());

  const size_t older = 1 - newest_;
  const auto written = exists_[older] ? co_await overwrite_copy(older, all) : co_await make_copy(older, all);
  if (!written) {
    if (written.error().kind == ErrorKind::io) failed_ = written.error();
    co_return written;
  }
  exists_[older] = true;
  newest_ = older;
  ++sequence_;
  co_return Result<void>();
}

runtime::Task<Result<void>> TwoCopyFile::make_copy(size_t which, std::span<const BytesView> parts) {
  const std::string beside = path_of(which) + ".new";
  {
    auto file = co_await open_direct(files_, beside, true, Create::if_missing);
    if (!file) co_return fail(file.error());
    GW_TRY(co_return, co_await (*file)->truncate(0));
    GW_TRY(co_return, co_await write_blocks(**file, 0, parts));
    GW_TRY(co_return, co_await (*file)->sync());
  }
  GW_TRY(co_return, co_await files_.rename(beside, path_of(which)));
  co_return co_await files_.sync_directory(folder_of(path_));
}

runtime::Task<Result<void>> TwoCopyFile::overwrite_copy(size_t which, std::span<const BytesView> parts) {
  auto file = co_await open_direct(files_, path_of(which), true, Create::never);
  if (!file) co_return fail(file.error());
  uint64_t length = 0;
  for (const BytesView part : parts) length += part.size();
  const auto size = co_await (*file)->size();
  if (!size) co_return fail(size.error());
  GW_TRY(co_return, co_await write_blocks(**file, 0, parts));
  if (*size > round_up(length)) GW_TRY(co_return, co_await (*file)->truncate(round_up(length)));
  co_return co_await (*file)->sync();
}

}  // namespace godwit::durable
