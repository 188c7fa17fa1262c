#include "record/filter_batch.h"

#include <utility>

#include "record/batch_builder.h"

namespace godwit {
namespace {

BatchSpec spec_like(const BatchHeader& original, const FilterOptions& options) {
  BatchSpec spec;
  spec.base_offset = original.base_offset;
  spec.leader_epoch = original.leader_epoch;
  // open() has refused unknown codecs.
  spec.compression = {.type = *original.attributes.compression()};
  spec.timestamp_type = original.attributes.timestamp_type();
  spec.log_append_time_ms = original.max_timestamp_ms;
  spec.producer_id = original.producer_id;
  spec.producer_epoch = original.producer_epoch;
  spec.base_sequence = original.base_sequence;
  spec.transactional = original.attributes.transactional();
  spec.control = original.attributes.control();
  spec.delete_horizon_ms = original.delete_horizon_ms();
  if (!spec.delete_horizon_ms) spec.delete_horizon_ms = options.set_delete_horizon_ms;
  spec.last_offset_delta = original.last_offset_delta;
  return spec;
}

}  // namespace

Result<FilteredBatch> filter_batch(const BatchView& batch, const std::function<bool(const Record&)>& keep,
                                   const FilterOptions& options) {
  const BatchHeader& original = batch.header();
  auto reader = RecordReader::open(batch, options.reader);
  if (!reader) return fail(std::move(reader).error());
  BatchBuilder builder(spec_like(original, options));
  FilteredBatch filtered;
  Record record;
  while (true) {
    auto more = reader->next(record);
    if (!more) return fail(std::move(more).error());
    if (!*more) break;
    if (keep(record)) {
      ++filtered.records_kept;
      builder.add_copy(record);
    } else {
      ++filtered.records_removed;
    }
  }

  if (filtered.records_kept == 0) {
    if (!options.keep_when_empty) {
      filtered.outcome = FilterOutcome::dropped;
    } else if (original.record_count == 0) {
      filtered.outcome = FilterOutcome::unchanged;
    } else {
      filtered.outcome = FilterOutcome::emptied;
      filtered.batch = empty_batch_like(original);
    }
    return filtered;
  }
  const bool horizon_is_new = options.set_delete_horizon_ms && !original.attributes.has_delete_horizon();
  if (filtered.records_removed == 0 && !horizon_is_new) return filtered;
  auto rebuilt = builder.build();
  if (!rebuilt) return fail(std::move(rebuilt).error());
  filtered.outcome = FilterOutcome::rebuilt;
  filtered.batch = std::move(*rebuilt);
  return filtered;
}

}  // namespace godwit
