#include "record/record_reader.h"

#include <string>
#include <utility>

#include "record/compression.h"
#include "record/record_walk.h"

namespace godwit {

Result<RecordReader> RecordReader::open(const BatchView& batch, const RecordReaderOptions& options) {
  const auto compression = batch.header().attributes.compression();
  if (!compression)
    return fail(
        ErrorKind::unsupported,
        "the batch's codec number " + std::to_string(batch.header().attributes.bits() & 7) + " is not known");
  if (*compression == CompressionType::none) return RecordReader(batch.header(), batch.records());
  // An empty batch has nothing that could be compressed, whatever its attributes say.
  if (batch.header().record_count == 0 && batch.records().empty())
    return RecordReader(batch.header(), batch.records());
  auto decompressed = decompress(*compression, batch.records(), options.decompressed_bytes_max);
  if (!decompressed) return fail(std::move(decompressed).error());
  return RecordReader(batch.header(), std::move(*decompressed));
}

Result<bool> RecordReader::next(Record& record) {
  const BytesView bytes = records();
  if (index_ == header_.record_count) {
    if (position_ == bytes.size()) return false;
    return fail(ErrorKind::corrupt, std::to_string(bytes.size() - position_) + " bytes follow the batch's " +
                                        std::to_string(index_) + " records");
  }
  const auto corrupt = [this](std::string_view why) {
    return fail(ErrorKind::corrupt, "record " + std::to_string(index_) + " of " +
                                        std::to_string(header_.record_count) + ": " + std::string(why));
  };
  RecordCursor cursor(bytes.subspan(position_));
  if (cursor.remaining() == 0) return corrupt("the batch ends before it");
  RawRecord raw;
  if (const auto fault = walk_record(cursor, raw); !fault.empty()) return corrupt(fault);
  if (raw.offset_delta <= last_delta_) return corrupt("its offset does not follow that of the record before");
  if (raw.offset_delta > header_.last_offset_delta) return corrupt("its offset is past the batch's last");

  record.offset = header_.base_offset + raw.offset_delta;
  record.timestamp_ms = header_.attributes.timestamp_type() == TimestampType::log_append_time
                            ? header_.max_timestamp_ms
                            : timestamp_at(header_.base_timestamp_ms, raw.timestamp_delta);
  record.key = raw.key;
  record.value = raw.value;
  record.headers_raw = raw.headers_raw;
  record.header_count = raw.header_count;
  last_delta_ = raw.offset_delta;
  position_ = bytes.size() - cursor.remaining();
  ++index_;
  return true;
}

}  // namespace godwit
