// Arbitrary bytes as an index file and as a segment with whatever index. The fuzzer cannot guess a CRC, so the
// first byte chooses what is made right before the bytes are read. What leaves the reader must be whole batches
// with right CRCs, one behind the other, and nothing may be read beyond the bytes that are there.
#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "record/batches.h"
#include "runtime/sim/node.h"
#include "storage/segment_file.h"
#include "storage/segment_index.h"

namespace godwit::storage {
namespace {

constexpr size_t kInputMax = 64 << 10;
constexpr FileId kId{0x2a};

// The segment, or head of an index, says at the start: base, end, flags. 24 bytes of the input.
SegmentInfo info_from(const std::byte* at) {
  return {.id = kId,
          .base = Offset(load_little<int64_t>(at)),
          .end = Position(load_little<uint64_t>(at + 8)),
          .compacted = (load_little<uint8_t>(at + 16) & 1) != 0,
          .sealed = (load_little<uint8_t>(at + 16) & 2) != 0};
}

void mend_index(Bytes& file) {
  for (size_t at = 0; at + 4096 <= file.size(); at += 4096) {
    store_little<uint32_t>(file.data() + at + 4092, crc32c(BytesView(file).subspan(at, 4092)));
  }
}

void mend_segment(Bytes& file) {
  for (size_t at = 0; at + kBatchHeaderSize <= file.size();) {
    const auto batch = BatchView::parse(BytesView(file).subspan(at));
    if (!batch) return;
    store_big<uint32_t>(file.data() + at + 17, batch_crc(batch->bytes()));
    at += batch->header().total_size();
  }
}

void fuzz_index(BytesView input, const SegmentInfo& info, bool mended) {
  Bytes file = to_bytes(input);
  if (mended) mend_index(file);
  const auto index = SegmentIndex::decode(file, info);
  if (!index) return;
  for (const IndexEntry& entry : index->entries()) {
    GW_CHECK(entry.position < info.end && index->before(entry.offset) == &entry, "entries are in order");
    GW_CHECK(index->interval_end(entry.position) > entry.position, "intervals go forward");
  }
  GW_CHECK(SegmentIndex::decode(index->encode(info), info)->entries() == index->entries(),
           "an index reads back as it was written");
}

runtime::Task<void> read_everything(runtime::Runtime& runtime, SegmentInfo info, BytesView written) {
  RecordingSink sink;
  const auto cache = FileCache::create(runtime.files(), 4);
  const auto buffers = ReadBuffers::create(1 << 20);
  const auto reader = SegmentReader::create(*cache, buffers, "p", info, sink);
  Offset from = info.base;
  std::optional<Position> hint;
  for (int i = 0; i < 1000; ++i) {
    const auto part = co_await reader->read(from, 4096, hint);
    if (!part || part->batches.empty()) break;
    const Bytes bytes = part->batches.flatten();
    const auto start = part->next_position - bytes.size();
    GW_CHECK(part->next_position <= info.end, "nothing behind the end is served");
    GW_CHECK(equal(bytes, written.subspan(start.value(), bytes.size())), "bytes are served as they stand");
    const auto whole = for_each_batch(bytes, {}, [&](const BatchView& batch, size_t) -> Result<void> {
      GW_CHECK(batch.header().base_offset >= from, "offsets never fall");
      from = batch.header().next_offset();
      return {};
    });
    GW_CHECK(whole && *whole == bytes.size() && from == part->next,
             "whole batches with right CRCs are served");
    hint = part->next_position;
  }
  (void)co_await reader->read(info.base + 3, 1, std::nullopt);
  (void)co_await reader->find_timestamp(1000);
  (void)co_await reader->find_timestamp_max();
  if (info.sealed) (void)co_await reader->write_index({});
  (void)co_await reader->index();
}

void fuzz_segment(BytesView input, SegmentInfo info, unsigned choice) {
  Bytes segment = to_bytes(input);
  if ((choice & 2) != 0) mend_segment(segment);
  Bytes index;
  if ((choice & 4) != 0) {
    // The second half is the index.
    const size_t half = segment.size() / 2 / 4096 * 4096;
    index.assign(segment.begin() + static_cast<std::ptrdiff_t>(half), segment.end());
    segment.resize(half);
    mend_index(index);
  }
  if (info.base < Offset(0) || info.base > Offset(INT64_MAX / 2)) info.base = Offset(0);
  info.end = Position(std::min<uint64_t>(info.end.value(), 2 * segment.size()));
  runtime::sim::World world(1);
  runtime::sim::Node& node = world.add_node("a");
  Bytes padded = segment;
  padded.resize((segment.size() + 4095) / 4096 * 4096);
  node.disk().install("p/" + segment_name(kId), padded);
  if (!index.empty()) node.disk().install("p/" + index_name(kId), index);
  const bool ended = node.run([&](runtime::Runtime& runtime) -> runtime::Task<void> {
    co_await read_everything(runtime, info, padded);
  });
  GW_CHECK(ended, "reading comes to an end");
}

}  // namespace
}  // namespace godwit::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  if (size < 25 || size > storage::kInputMax) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  const unsigned choice = data[0];
  const storage::SegmentInfo info = storage::info_from(bytes.data() + 1);
  if ((choice & 1) != 0) {
    storage::fuzz_index(bytes.subspan(25), info, (choice & 2) != 0);
  } else {
    storage::fuzz_segment(bytes.subspan(25), info, choice);
  }
  return 0;
}
