// What a publish of one batch costs before it is stored: 1 MB of 1 KiB records. The walk should vanish beside
// the CRC.
#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "base/crc32c.h"
#include "record/batch_builder.h"
#include "record/batch_edit.h"
#include "record/produce_validation.h"
#include "record/record_reader.h"

namespace godwit {
namespace {

// `value_bytes` a record, half of it compressible.
Bytes batch_of(size_t value_bytes, CompressionType type) {
  std::mt19937_64 random(1);
  BatchBuilder builder({.compression = {type}});
  std::string value(value_bytes, 'x');
  while (builder.uncompressed_size() + value_bytes + 40 < 1'000'000) {
    for (size_t i = 0; i < value_bytes / 2; ++i) value[i] = static_cast<char>(random());
    builder.add({.timestamp_ms = 1'700'000'000'000 + builder.count(),
                 .key = as_bytes("key-of-it"),
                 .value = as_bytes(value)});
  }
  return builder.build().value();
}

const ValidationOptions kOptions{.produce_version = 9, .now = {1'700'000'000'000}};

void per_batch(benchmark::State& state, const Bytes& batch) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(batch.size()));
}

void crc(benchmark::State& state) {
  const Bytes batch = batch_of(static_cast<size_t>(state.range(0)), CompressionType::none);
  for (auto _ : state) benchmark::DoNotOptimize(batch_crc(batch));
  per_batch(state, batch);
}
BENCHMARK(crc)->Arg(1024)->Arg(100);

void walk(benchmark::State& state) {
  const Bytes batch = batch_of(static_cast<size_t>(state.range(0)), CompressionType::none);
  const BatchView view = BatchView::parse(batch).value();
  for (auto _ : state)
    benchmark::DoNotOptimize(for_each_record(view, {}, [](const Record&) { return true; }));
  per_batch(state, batch);
}
BENCHMARK(walk)->Arg(1024)->Arg(100);

void validate_uncompressed(benchmark::State& state) {
  const Bytes batch = batch_of(static_cast<size_t>(state.range(0)), CompressionType::none);
  for (auto _ : state) benchmark::DoNotOptimize(validate_produced(batch, kOptions));
  per_batch(state, batch);
}
BENCHMARK(validate_uncompressed)->Arg(1024)->Arg(100);

// Bytes a second here are those of the compressed batch; the argument is the codec's number and whether it is
// opened.
void validate_compressed(benchmark::State& state) {
  const Bytes batch = batch_of(1024, static_cast<CompressionType>(state.range(0)));
  ValidationOptions options = kOptions;
  options.deep = state.range(1) != 0;
  for (auto _ : state) benchmark::DoNotOptimize(validate_produced(batch, options));
  per_batch(state, batch);
}
BENCHMARK(validate_compressed)->ArgsProduct({{1, 2, 3, 4}, {0, 1}});

}  // namespace
}  // namespace godwit

BENCHMARK_MAIN();
