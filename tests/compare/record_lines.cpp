#include "normal.h"
#include "record/batches.h"
#include "record/record_reader.h"

namespace godwit::compare {
namespace {

std::string bytes_text(std::optional<BytesView> bytes) {
  if (!bytes) return "null";
  return bytes->size() > 40 ? std::to_string(bytes->size()) + " bytes"
                            : "\"" + std::string(as_text(*bytes)) + "\"";
}

std::string time_text(int64_t ms) {
  return ms > 1'750'000'000'000 ? "<now>" : std::to_string(ms);
}

std::string batch_line(const BatchHeader& h) {
  const auto codec = h.attributes.compression();
  return "offsets " + to_string(h.base_offset) + "+" + std::to_string(h.last_offset_delta) + ", epoch " +
         to_string(h.leader_epoch) + ", " + (codec ? std::string(to_string(*codec)) : "unknown codec") +
         ", " +
         (h.attributes.timestamp_type() == TimestampType::log_append_time ? "LogAppendTime" : "CreateTime") +
         (h.attributes.transactional() ? ", transactional" : "") +
         (h.attributes.control() ? ", control" : "") + ", times " + time_text(h.base_timestamp_ms) + ".." +
         time_text(h.max_timestamp_ms) + (h.has_producer_id() ? ", a producer" : "") + ", producer epoch " +
         std::to_string(h.producer_epoch) + ", sequence " + std::to_string(h.base_sequence) + ", count " +
         std::to_string(h.record_count);
}

std::string record_line(const Record& record) {
  std::string line =
      time_text(record.timestamp_ms) + " " + bytes_text(record.key) + " " + bytes_text(record.value);
  for (const auto& header : record.headers())
    line += " " + std::string(header.key) + ":" + bytes_text(header.value);
  return line;
}

}  // namespace

Lines record_lines(const std::string& path, const Bytes& records) {
  Lines out;
  if (records.empty()) return {path + " = empty"};
  int index = 0;
  const auto walked = for_each_batch(
      records, {.allow_partial_end = true}, [&](const BatchView& batch, size_t) -> Result<void> {
        const std::string at = path + "[" + std::to_string(index++) + "]";
        out.push_back(at + " = " + batch_line(batch.header()));
        const auto read = for_each_record(batch, {}, [&](const Record& record) {
          out.push_back(at + "[" + to_string(record.offset) + "] = " + record_line(record));
          return true;
        });
        if (!read) out.push_back(at + " = unreadable");
        return {};
      });
  if (!walked) {
    out.push_back(path + " = bad batch");
  } else if (*walked < records.size()) {
    out.push_back(path + ".partial = " + std::to_string(records.size() - *walked) + " bytes");
  }
  return out;
}

}  // namespace godwit::compare
