// The bodies of record_test_support.h; in a _test file so that they are linked to the tests alone.
#include <gtest/gtest.h>

#include <fstream>

#include "record/batch_edit.h"
#include "record/record_test_support.h"

namespace godwit::testing {

std::vector<OwnedRecord> golden_records(int64_t base_offset) {
  constexpr int64_t t = kGoldenTime;
  return {
      {base_offset, t, "k0", "v0", {}},
      {base_offset + 1, t + 5, std::nullopt, "value without key", {}},
      {base_offset + 2, t + 3, "gone", std::nullopt, {}},
      {base_offset + 3, t + 10, "", "", {{"h", "1"}, {"h", "2"}, {"null", std::nullopt}, {"", "empty key"}}},
      {base_offset + 4, t + 7, "long", std::string(2000, 'x'), {}},
  };
}

Bytes golden(const std::string& name) {
  std::ifstream file(std::string(GODWIT_RECORD_TESTDATA) + "/" + name + ".hex");
  Bytes bytes;
  std::string line;
  while (file >> line) {
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      bytes.push_back(static_cast<std::byte>(std::stoi(line.substr(i, 2), nullptr, 16)));
  }
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

std::vector<OwnedRecord> random_records(std::mt19937_64& random, size_t count) {
  const auto text = [&](size_t longest) -> std::optional<std::string> {
    if (random() % 8 == 0) return std::nullopt;
    std::string s(random() % longest, static_cast<char>('a' + random() % 20));
    for (size_t i = 0; i < s.size(); i += 1 + random() % 7) s[i] = static_cast<char>(random());
    return s;
  };
  std::vector<OwnedRecord> records(count);
  for (size_t i = 0; i < count; ++i) {
    OwnedRecord& record = records[i];
    record.offset = static_cast<int64_t>(i);
    record.timestamp_ms = kGoldenTime + static_cast<int64_t>(random() % 100'000) - 50'000;
    record.key = text(40);
    record.value = text(600);
    for (size_t h = random() % 4; h > 1; --h) record.headers.emplace_back(text(20).value_or("k"), text(20));
  }
  return records;
}

Bytes build(const std::vector<OwnedRecord>& records, const BatchSpec& spec) {
  BatchBuilder builder(spec);
  for (const OwnedRecord& record : records) {
    std::vector<RecordHeader> headers;
    for (const auto& [key, value] : record.headers)
      headers.push_back({key, value ? std::optional(as_bytes(*value)) : std::nullopt});
    builder.add_at(static_cast<int32_t>(record.offset - spec.base_offset.value()),
                   {.timestamp_ms = record.timestamp_ms,
                    .key = record.key ? std::optional(as_bytes(*record.key)) : std::nullopt,
                    .value = record.value ? std::optional(as_bytes(*record.value)) : std::nullopt,
                    .headers = headers});
  }
  auto batch = builder.build();
  EXPECT_TRUE(batch.has_value()) << (batch ? "" : batch.error().describe());
  return batch ? *batch : Bytes();
}

ReadBack read_all(BytesView batch, const RecordReaderOptions& options) {
  const auto own = [](const std::optional<BytesView>& bytes) {
    return bytes ? std::optional<std::string>(as_text(*bytes)) : std::nullopt;
  };
  ReadBack read;
  auto parsed = BatchView::parse(batch);
  if (!parsed) return {{}, parsed.error().describe()};
  auto visited = for_each_record(*parsed, options, [&](const Record& record) {
    OwnedRecord& owned = read.records.emplace_back();
    owned.offset = record.offset.value();
    owned.timestamp_ms = record.timestamp_ms;
    owned.key = own(record.key);
    owned.value = own(record.value);
    for (const RecordHeader& header : record.headers())
      owned.headers.emplace_back(header.key, own(header.value));
    return true;
  });
  if (!visited) read.error = visited.error().describe();
  return read;
}

Bytes raw_batch(BytesView records, int32_t count, int32_t last_offset_delta, uint16_t attributes) {
  BatchHeader header;
  header.length = static_cast<int32_t>(kBatchHeaderSize - kLogOverhead + records.size());
  header.attributes = BatchAttributes(attributes);
  header.last_offset_delta = last_offset_delta;
  header.base_timestamp_ms = header.max_timestamp_ms = kGoldenTime;
  header.record_count = count;
  Bytes batch(kBatchHeaderSize);
  batch.insert(batch.end(), records.begin(), records.end());
  write_header(header, batch);
  refresh_crc(batch);
  return batch;
}

BatchView view(BytesView batch) {
  auto parsed = BatchView::parse(batch);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().describe();
  return parsed.value();
}

}  // namespace godwit::testing
