#include "record/batch_edit.h"

#include "base/check.h"
#include "base/endian.h"
#include "record/batch_header.h"

namespace godwit {
namespace {

// The batch's header, to be changed and written back.
BatchHeader header_of(MutableBytes batch) {
  const BatchHeader header = BatchHeader::load(batch);
  GW_CHECK(header.total_size() == batch.size(),
           "a batch is changed as a whole, nothing before and behind it");
  return header;
}

}  // namespace

void set_base_offset(MutableBytes batch, Offset base_offset) {
  GW_CHECK(batch.size() >= kBatchHeaderSize, "a batch has at least 61 bytes");
  store_big(batch.data(), base_offset.value());
}

void set_leader_epoch(MutableBytes batch, LeaderEpoch epoch) {
  GW_CHECK(batch.size() >= kBatchHeaderSize, "a batch has at least 61 bytes");
  store_big(batch.data() + kLogOverhead, epoch.value());
}

void set_log_append_time(MutableBytes batch, int64_t now_ms) {
  set_max_timestamp(batch, TimestampType::log_append_time, now_ms);
}

void set_max_timestamp(MutableBytes batch, TimestampType type, int64_t max_timestamp_ms) {
  BatchHeader header = header_of(batch);
  header.attributes = header.attributes.with_timestamp_type(type);
  header.max_timestamp_ms = max_timestamp_ms;
  write_header(header, batch);
  refresh_crc(batch);
}

void refresh_crc(MutableBytes batch) {
  BatchHeader header = header_of(batch);
  header.crc = batch_crc(batch);
  write_header(header, batch);
}

}  // namespace godwit
