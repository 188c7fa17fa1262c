#include "storage/segment_writer.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::storage {
namespace {

constexpr uint64_t kAllocateMin = 256 << 10;

uint64_t block_up(uint64_t bytes) {
  return (bytes + kSegmentBlock - 1) / kSegmentBlock * kSegmentBlock;
}

// Marks a call as under way for its life, also when its frame is destroyed.
class Turn {
 public:
  explicit Turn(bool& taken) : taken_(taken) {
    GW_CHECK(!taken_, "a segment has one write under way");
    taken_ = true;
  }
  ~Turn() { taken_ = false; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  bool& taken_;
};

}  // namespace

runtime::Task<Result<void>> SegmentWriter::create(runtime::FileSystem& files, std::string path) {
  const runtime::OpenOptions options{
      .write = true, .create = runtime::OpenOptions::Create::must_be_new, .direct = true};
  const auto file = co_await files.open(std::move(path), options);
  if (!file) co_return fail(file.error());
  co_return Result<void>();
}

SegmentWriter::SegmentWriter(FileCache& cache, std::string path, Position written, uint64_t allocate_ahead)
    : cache_(cache), path_(std::move(path)), written_(written), allocate_ahead_(allocate_ahead) {
  GW_CHECK(written.value() % kSegmentBlock == 0, "segments are written in whole blocks");
}

tl::unexpected<Error> SegmentWriter::give_up(Error error) {
  failed_ = true;
  return fail(std::move(error));
}

runtime::Task<Result<void>> SegmentWriter::make_room(runtime::File& file, uint64_t needed) {
  if (needed <= allocated_) co_return Result<void>();
  // In proportion to what is there, so that thousands of small partitions do not fill the disk with promises.
  const uint64_t ahead = std::min(allocate_ahead_, std::max(needed, kAllocateMin));
  const uint64_t wanted = block_up(needed + ahead);
  auto room = co_await file.allocate(wanted);
  uint64_t got = wanted;
  if (!room && room.error().kind == ErrorKind::no_space && wanted > needed) {
    room = co_await file.allocate(needed);
    got = needed;
  }
  if (room) allocated_ = got;
  co_return room;
}

runtime::Task<Result<void>> SegmentWriter::write(std::span<const BytesView> ranges) {
  const Turn turn(under_way_);
  uint64_t size = 0;
  for (const BytesView range : ranges) {
    GW_CHECK(
        range.size() % kSegmentBlock == 0 && reinterpret_cast<uintptr_t>(range.data()) % kSegmentBlock == 0,
        "segments are written in whole blocks, from aligned memory");
    size += range.size();
  }
  if (failed_) co_return fail(ErrorKind::io, path_ + " failed before and is not written again");
  if (size == 0) co_return Result<void>();
  const auto file = co_await cache_.get(path_, true);
  if (!file) {
    if (file.error().kind == ErrorKind::limit) co_return fail(file.error());
    co_return give_up(file.error());
  }
  const uint64_t end = written_.value() + size;
  auto done = co_await make_room(**file, end);
  if (done) done = co_await (*file)->write_at(written_.value(), ranges);
  if (!done) {
    if (done.error().kind == ErrorKind::no_space) co_return done;
    co_return give_up(std::move(done).error());
  }
  written_ = Position(end);
  co_return done;
}

runtime::Task<Result<void>> SegmentWriter::trim(Position size) {
  const Turn turn(under_way_);
  const uint64_t kept = block_up(size.value());
  GW_CHECK(kept >= written_.value(), "what was written is not cut off");
  if (failed_) co_return fail(ErrorKind::io, path_ + " failed before and is not written again");
  const auto file = co_await cache_.get(path_, true);
  if (!file) {
    if (file.error().kind == ErrorKind::limit) co_return fail(file.error());
    co_return give_up(file.error());
  }
  const auto present = co_await (*file)->size();
  if (!present) co_return give_up(present.error());
  // Never makes the file longer: a size that no write stands behind would only hide that it is missing.
  if (*present <= kept) co_return Result<void>();
  auto done = co_await (*file)->truncate(kept);
  if (!done) co_return give_up(std::move(done).error());
  allocated_ = kept;
  co_return done;
}

}  // namespace godwit::storage
