// Arbitrary bytes as a batch. The fuzzer cannot guess a CRC, so the first byte chooses what is made right
// before the bytes are read: nothing, length and CRC, or also the counts. Every byte of every record is
// touched, so that the sanitizer sees a view that reaches too far.
#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "record/batch_edit.h"
#include "record/batches.h"
#include "record/control_record.h"
#include "record/filter_batch.h"
#include "record/produce_validation.h"
#include "record/recompress.h"
#include "record/timestamp_lookup.h"

namespace godwit {
namespace {

constexpr size_t kInputMax = 1 << 16;
constexpr RecordReaderOptions kReader{.decompressed_bytes_max = 1 << 20};

volatile uint8_t sink;
uint8_t touch(BytesView bytes) {
  uint8_t sum = 0;
  for (const std::byte byte : bytes) sum ^= std::to_integer<uint8_t>(byte);
  return sum;
}

void touch(const Record& record) {
  uint8_t sum = touch(record.headers_raw);
  if (record.key) sum ^= touch(*record.key);
  if (record.value) sum ^= touch(*record.value);
  for (const RecordHeader& header : record.headers()) {
    sum ^= touch(as_bytes(header.key));
    if (header.value) sum ^= touch(*header.value);
  }
  if (record.key && record.value) (void)parse_end_marker(*record.key, *record.value);
  sink = sum;
}

void mend(Bytes& bytes, unsigned how) {
  if (how == 0 || bytes.size() < kBatchHeaderSize) return;
  BatchHeader header = BatchHeader::load(bytes);
  header.length = static_cast<int32_t>(bytes.size() - kLogOverhead);
  if (how >= 2) {
    header.base_offset = Offset(0);
    header.record_count = std::clamp(header.record_count, 1, 1000);
    header.last_offset_delta = header.record_count - 1;
    header.attributes = BatchAttributes(static_cast<uint16_t>(header.attributes.bits() & 0x17));
  }
  write_header(header, bytes);
  refresh_crc(bytes);
}

// What was accepted after a look at each record must read back, whole, and survive what the broker does with
// it.
void check_accepted(const AcceptedBatch& accepted, BytesView bytes) {
  if (!accepted.records_walked) return;
  const auto batch = BatchView::parse(bytes);
  GW_CHECK(batch.has_value(), "an accepted batch parses");
  const auto count = for_each_record(*batch, kReader, [](const Record&) { return true; });
  GW_CHECK(count.has_value() && *count == accepted.header.record_count, "an accepted batch reads back");
  const auto packed = recompress(*batch, {CompressionType::snappy}, kReader);
  GW_CHECK(packed.has_value(), "an accepted batch can be compressed");
  const auto unpacked = recompress(BatchView::parse(*packed).value(), {CompressionType::none}, kReader);
  GW_CHECK(unpacked.has_value(), "what was compressed decompresses");
  const auto plain = recompress(*batch, {CompressionType::none}, kReader);
  GW_CHECK(plain.has_value() && *plain == *unpacked, "compression changes no record");
}

void read(BytesView bytes) {
  const auto batch = BatchView::parse(bytes);
  if (!batch) return;
  (void)for_each_record(*batch, kReader, [](const Record& record) {
    touch(record);
    return true;
  });
  (void)find_at_or_after(*batch, batch->header().max_timestamp_ms, batch->header().base_offset, kReader);
  (void)find_max_timestamp(*batch, kReader);
  const auto filtered =
      filter_batch(*batch, [](const Record& r) { return r.offset.value() % 2 == 0; },
                   {.keep_when_empty = true, .set_delete_horizon_ms = 5, .reader = kReader});
  if (!filtered || filtered->batch.empty()) return;
  const auto rebuilt = BatchView::parse(filtered->batch);
  GW_CHECK(rebuilt && rebuilt->crc_matches(), "a rebuilt batch is whole");
  const auto count = for_each_record(*rebuilt, {}, [](const Record&) { return true; });
  GW_CHECK(count && *count == filtered->records_kept, "a rebuilt batch holds what was kept");
}

}  // namespace
}  // namespace godwit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  if (size == 0 || size > kInputMax) return 0;
  const unsigned choice = data[0];
  Bytes bytes = to_bytes(std::as_bytes(std::span(data + 1, size - 1)));
  mend(bytes, choice % 3);
  ValidationOptions options{
      .produce_version = 9, .now = {1'700'000'000'000}, .decompressed_bytes_max = 1 << 20};
  options.compacted = (choice & 0x20) != 0;
  options.deep = (choice & 0x40) != 0;
  if ((choice & 0x80) != 0) options.timestamp_before_max_ms = 86'400'000;
  const auto verdict = validate_produced(bytes, options);
  if (const auto* accepted = std::get_if<AcceptedBatch>(&verdict)) check_accepted(*accepted, bytes);
  (void)for_each_batch(bytes, {.allow_partial_end = true},
                       [](const BatchView& batch, size_t) -> Result<void> {
                         sink = touch(batch.records());
                         return {};
                       });
  read(bytes);
  return 0;
}
