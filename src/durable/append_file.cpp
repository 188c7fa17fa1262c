#include "durable/append_file.h"

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "durable/atomic_file.h"
#include "durable/direct_io.h"

namespace godwit::durable {
namespace {

using Create = runtime::OpenOptions::Create;

// A batch: this header, then for each record its length (4 bytes) and its bytes, then zeros up to a block.
constexpr size_t kMagic = 8;
constexpr size_t kAtHeaderChecksum = 8;  // of all other bytes of the header
constexpr size_t kAtVersion = 12;
constexpr size_t kAtSalt = 16;
constexpr size_t kAtSequence = 24;
constexpr size_t kAtLength = 32;    // bytes behind the header
constexpr size_t kAtChecksum = 40;  // of those
constexpr size_t kAtCount = 44;     // records
// 1 when the next batch was durable together with this one (both written by one replace()).
constexpr size_t kAtMore = 48;
constexpr size_t kHeader = 64;
// Records of one replace() are cut into batches of about this size.
constexpr uint64_t kBatchBytes = 1 << 20;

uint32_t header_checksum(BytesView header) {
  return crc32c_extend(crc32c(header.first(kAtHeaderChecksum)),
                       header.subspan(kAtVersion, kHeader - kAtVersion));
}

}  // namespace

// What a header says.
struct AppendFile::Batch {
  uint32_t version = 0;
  uint64_t salt = 0;
  uint64_t sequence = 0;
  uint64_t length = 0;
  uint32_t checksum = 0;
  uint32_t count = 0;
  bool more = false;

  // Empty unless a good header of any version stands at `position`.
  static std::optional<Batch> at(BytesView all, uint64_t position, const FormatMark& format) {
    if (position + kHeader > all.size()) return std::nullopt;
    const BytesView header = all.subspan(position, kHeader);
    if (as_text(header.first(kMagic)) != format.magic) return std::nullopt;
    if (load_little<uint32_t>(header.data() + kAtHeaderChecksum) != header_checksum(header))
      return std::nullopt;
    Batch batch;
    batch.version = load_little<uint32_t>(header.data() + kAtVersion);
    batch.salt = load_little<uint64_t>(header.data() + kAtSalt);
    batch.sequence = load_little<uint64_t>(header.data() + kAtSequence);
    batch.length = load_little<uint64_t>(header.data() + kAtLength);
    batch.checksum = load_little<uint32_t>(header.data() + kAtChecksum);
    batch.count = load_little<uint32_t>(header.data() + kAtCount);
    batch.more = load_little<uint32_t>(header.data() + kAtMore) != 0;
    return batch;
  }

  // Adds the records of a batch whose body is `body`. False when they do not add up.
  bool read(BytesView body, std::vector<Bytes>& records) const {
    if (crc32c(body) != checksum) return false;
    uint64_t left = count;
    while (left-- > 0) {
      if (body.size() < 4) return false;
      const auto length_of_record = load_little<uint32_t>(body.data());
      body = body.subspan(4);
      if (length_of_record > body.size()) return false;
      records.push_back(to_bytes(body.first(length_of_record)));
      body = body.subspan(length_of_record);
    }
    return body.empty();
  }
};

AppendFile::AppendFile(runtime::FileSystem& files, std::string path, FormatMark format,
                       runtime::Random& random, uint64_t size_max)
    : files_(files),
      path_(std::move(path)),
      format_(std::move(format)),
      random_(random),
      size_max_(size_max) {
  GW_CHECK(format_.magic.size() == kMagic, "a magic number has eight characters");
}

runtime::Task<Result<AppendFile::Opened>> AppendFile::open(runtime::FileSystem& files, std::string path,
                                                           FormatMark format, runtime::Random& random,
                                                           uint64_t size_max) {
  Opened out;
  out.file.reset(new AppendFile(files, std::move(path), std::move(format), random, size_max));
  AppendFile& self = *out.file;
  auto opened = co_await open_direct(files, self.path_, true, Create::never);
  if (opened) {
    self.file_ = std::move(*opened);
    GW_TRY(co_return, co_await self.load(out));
  } else if (opened.error().kind == ErrorKind::not_found) {
    GW_TRY(co_return, co_await self.make({}));
  } else {
    co_return fail(opened.error());
  }
  co_return out;
}

runtime::Task<Result<Bytes>> AppendFile::read_whole() {
  const auto size = co_await file_->size();
  if (!size) co_return fail(size.error());
  if (*size > size_max_) co_return fail(ErrorKind::limit, path_ + " is too large to be loaded");
  Bytes all(*size);
  const auto count = co_await read_blocks(*file_, 0, all);
  if (!count) co_return fail(count.error());
  all.resize(*count);
  co_return all;
}

runtime::Task<Result<void>> AppendFile::load(Opened& out) {
  const auto all = co_await read_whole();
  if (!all) co_return fail(all.error());
  const auto end = parse(*all, out);
  if (!end) co_return fail(end.error());
  end_ = *end;
  out.cut_bytes = all->size() > end_ ? all->size() - end_ : 0;
  // Also when it is shorter: a kill may have taken the last batch's padding.
  if (all->size() != end_) GW_TRY(co_return, co_await file_->truncate(end_));
  // A killed process may have written the last batch and not synced it; from now on it counts.
  co_return co_await file_->sync();
}

// Gives where the whole batches end.
Result<uint64_t> AppendFile::parse(BytesView all, Opened& out) {
  uint64_t position = 0;
  bool more = false;
  while (position < all.size()) {
    const auto batch = Batch::at(all, position, format_);
    if (batch && batch->version > format_.version) {
      return fail(ErrorKind::unsupported, path_ + " has format " + std::to_string(batch->version) +
                                              ", this build knows up to " + std::to_string(format_.version) +
                                              "; start the newer version, nothing was changed");
    }
    if (position == 0 && batch) salt_ = batch->salt;
    const bool follows = batch && batch->salt == salt_ && batch->sequence == sequence_ + 1;
    const size_t records_before = out.records.size();
    const bool whole = follows && batch->length <= all.size() - position - kHeader &&
                       batch->read(all.subspan(position + kHeader, batch->length), out.records);
    if (!whole) {
      out.records.resize(records_before);
      break;
    }
    ++sequence_;
    more = batch->more;
    position += round_up(kHeader + batch->length);
  }
  // The first batch was durable before the file had its name; a later one only if another follows it, or
  // the one before it says so.
  if (sequence_ == 0 || more || another_batch_behind(all, position, sequence_ + 1)) {
    return fail(ErrorKind::corrupt,
                path_ + " is damaged at position " + std::to_string(position) +
                    ": what stood there was acknowledged; restore the file from a copy, nothing was changed");
  }
  return position;
}

// Whether a batch after the one numbered `sequence` stands anywhere behind `position`: then that one had been
// synced.
bool AppendFile::another_batch_behind(BytesView all, uint64_t position, uint64_t sequence) const {
  for (; position < all.size(); position += kBlock) {
    const auto batch = Batch::at(all, position, format_);
    if (batch && batch->salt == salt_ && batch->sequence > sequence) return true;
  }
  return false;
}

Bytes AppendFile::encode(const std::vector<Bytes>& records, uint64_t sequence, uint64_t salt,
                         bool more) const {
  uint64_t length = 0;
  for (const Bytes& record : records) length += 4 + record.size();
  Bytes out(round_up(kHeader + length));
  std::byte* at = out.data() + kHeader;
  for (const Bytes& record : records) {
    store_little(at, static_cast<uint32_t>(record.size()));
    if (!record.empty()) std::memcpy(at + 4, record.data(), record.size());
    at += 4 + record.size();
  }
  std::memcpy(out.data(), format_.magic.data(), kMagic);
  store_little(out.data() + kAtVersion, format_.version);
  store_little(out.data() + kAtSalt, salt);
  store_little(out.data() + kAtSequence, sequence);
  store_little(out.data() + kAtLength, length);
  store_little(out.data() + kAtChecksum, crc32c({out.data() + kHeader, length}));
  store_little(out.data() + kAtCount, static_cast<uint32_t>(records.size()));
  store_little(out.data() + kAtMore, uint32_t{more});
  store_little(out.data() + kAtHeaderChecksum, header_checksum({out.data(), kHeader}));
  return out;
}

runtime::Task<Result<void>> AppendFile::append(std::vector<Bytes> records) {
  if (failed_) co_return fail(*failed_);
  const Bytes batch = encode(records, sequence_ + 1, salt_, false);
  if (end_ + batch.size() > size_max_) co_return fail(ErrorKind::limit, path_ + " would be too large");
  const BytesView part(batch);
  auto done = co_await write_blocks(*file_, end_, {&part, 1});
  const bool refused = !done && done.error().kind == ErrorKind::no_space;
  if (done) done = co_await file_->sync();
  if (!done) {
    // A refused write may be tried again in the same place; a failed one leaves nothing to rely on.
    if (!refused) failed_ = Error{ErrorKind::io, done.error().message};
    co_return done;
  }
  ++sequence_;
  end_ += batch.size();
  co_return Result<void>();
}

runtime::Task<Result<void>> AppendFile::replace(std::vector<Bytes> records) {
  if (failed_) co_return fail(*failed_);
  co_return co_await make(std::move(records));
}

// Writes a whole file beside and lets it take the name.
runtime::Task<Result<void>> AppendFile::make(std::vector<Bytes> records) {
  const std::string beside = path_ + ".new";
  auto file = co_await open_direct(files_, beside, true, Create::if_missing);
  if (!file) co_return fail(file.error());
  GW_TRY(co_return, co_await (*file)->truncate(0));
  const uint64_t salt = random_.next();
  uint64_t sequence = 0;
  uint64_t end = 0;
  size_t next = 0;
  do {  // at least one batch, which names salt and version
    std::vector<Bytes> some;
    uint64_t bytes = 0;
    while (next < records.size() && (some.empty() || bytes + records[next].size() <= kBatchBytes)) {
      bytes += 4 + records[next].size();
      some.push_back(std::move(records[next++]));
    }
    const Bytes batch = encode(some, ++sequence, salt, next < records.size());
    if (end + batch.size() > size_max_) co_return fail(ErrorKind::limit, path_ + " would be too large");
    const BytesView part(batch);
    GW_TRY(co_return, co_await write_blocks(**file, end, {&part, 1}));
    end += batch.size();
  } while (next < records.size());
  GW_TRY(co_return, co_await (*file)->sync());
  GW_TRY(co_return, co_await files_.rename(beside, path_));
  file_ = std::move(*file);
  salt_ = salt;
  sequence_ = sequence;
  end_ = end;
  if (auto synced = co_await files_.sync_directory(folder_of(path_)); !synced) {
    // Which of the two files a crash leaves is not known: nothing may be added to either.
    failed_ = Error{ErrorKind::io, synced.error().message};
    co_return synced;
  }
  co_return Result<void>();
}

}  // namespace godwit::durable
