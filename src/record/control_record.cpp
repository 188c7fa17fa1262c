#include "record/control_record.h"

#include <array>

#include "base/check.h"
#include "base/endian.h"
#include "record/batch_builder.h"

namespace godwit {
namespace {

constexpr int16_t kVersion = 0;
constexpr size_t kKeySize = 4;
constexpr size_t kValueSize = 6;

}  // namespace

Result<std::optional<ControlRecordType>> parse_control_key(BytesView key) {
  if (key.size() < kKeySize)
    return fail(ErrorKind::corrupt, "a control record's key is shorter than 4 bytes");
  // Later versions may append fields; those of version 0 stay where they are.
  if (load_big<int16_t>(key.data()) < kVersion)
    return fail(ErrorKind::corrupt, "a control record's key has a negative version");
  const auto type = static_cast<ControlRecordType>(load_big<int16_t>(key.data() + 2));
  if (type != ControlRecordType::abort && type != ControlRecordType::commit) return std::nullopt;
  return type;
}

Result<EndTransactionMarker> parse_end_marker(BytesView key, BytesView value) {
  auto type = parse_control_key(key);
  if (!type) return fail(std::move(type).error());
  if (!*type) return fail(ErrorKind::corrupt, "the control record does not end a transaction");
  if (value.size() < kValueSize)
    return fail(ErrorKind::corrupt, "an end marker's value is shorter than 6 bytes");
  if (load_big<int16_t>(value.data()) < kVersion)
    return fail(ErrorKind::corrupt, "an end marker's value has a negative version");
  return EndTransactionMarker{**type, load_big<int32_t>(value.data() + 2)};
}

Bytes build_end_marker_batch(const EndMarkerSpec& spec) {
  std::array<std::byte, kKeySize> key;
  store_big(key.data(), kVersion);
  store_big(key.data() + 2, static_cast<int16_t>(spec.marker.type));
  std::array<std::byte, kValueSize> value;
  store_big(value.data(), kVersion);
  store_big(value.data() + 2, spec.marker.coordinator_epoch);

  BatchBuilder builder({.base_offset = spec.base_offset,
                        .leader_epoch = spec.leader_epoch,
                        .producer_id = spec.producer_id,
                        .producer_epoch = spec.producer_epoch,
                        .transactional = true,
                        .control = true});
  builder.add({.timestamp_ms = spec.timestamp_ms, .key = BytesView(key), .value = BytesView(value)});
  auto batch = builder.build();
  GW_CHECK(batch.has_value(), "one small record always makes a batch");
  return std::move(*batch);
}

}  // namespace godwit
