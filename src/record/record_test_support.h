// What the tests of this module share: batches made by others, records from a seed, batches as values.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "record/batch_builder.h"
#include "record/batch_header.h"
#include "record/record_reader.h"

namespace godwit::testing {

// A record that owns its bytes.
struct OwnedRecord {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  friend bool operator==(const OwnedRecord&, const OwnedRecord&) = default;
};

constexpr int64_t kGoldenTime = 1'700'000'000'000;

// The five records of testdata/, at offsets from `base_offset` on.
std::vector<OwnedRecord> golden_records(int64_t base_offset = 0);

// The bytes of testdata/<name>.hex.
Bytes golden(const std::string& name);

// Records whose keys, values, headers and times come from `random`; offsets from 0 on.
std::vector<OwnedRecord> random_records(std::mt19937_64& random, size_t count);

// A batch of these records at their offsets. Fails the test where it cannot be built.
Bytes build(const std::vector<OwnedRecord>& records, const BatchSpec& spec = {});

// All records of the batch, or the error's text in place of them.
struct ReadBack {
  std::vector<OwnedRecord> records;
  std::string error;
};
ReadBack read_all(BytesView batch, const RecordReaderOptions& options = {});

// A batch around `records` as raw bytes, header count and offsets as given, with a right CRC.
Bytes raw_batch(BytesView records, int32_t count, int32_t last_offset_delta, uint16_t attributes = 0);

// BatchView::parse that fails the test on an error.
BatchView view(BytesView batch);

inline constexpr CompressionType kAllCodecs[] = {CompressionType::none, CompressionType::gzip,
                                                 CompressionType::snappy, CompressionType::lz4,
                                                 CompressionType::zstd};

}  // namespace godwit::testing
