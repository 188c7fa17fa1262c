// Any bytes as records of __consumer_offsets: two bytes of length and a key, two bytes of length (65535: none) and a value,
// again and again. Nothing may crash, and what a manager holds after it has loaded them, its records make another one hold.
#include <cstdint>

#include "base/check.h"
#include "base/endian.h"
#include "groups/group_manager.h"

namespace godwit::groups {
namespace {

using Snapshot = std::vector<Record>;

constexpr uint16_t kTombstone = 0xffff;

struct Stored {
  BytesView key;
  std::optional<BytesView> value;
};

// Lengths beyond the end mean all that is left.
std::vector<Stored> split(BytesView bytes) {
  const auto take = [&](size_t size) {
    const BytesView taken = bytes.first(std::min(size, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
  };
  const auto length = [&]() -> uint16_t {
    const BytesView taken = take(sizeof(uint16_t));
    return taken.size() == sizeof(uint16_t) ? load_big<uint16_t>(taken.data()) : 0;
  };
  std::vector<Stored> records;
  while (!bytes.empty()) {
    Stored& record = records.emplace_back();
    record.key = take(length());
    if (const uint16_t size = length(); size != kTombstone) record.value = take(size);
  }
  return records;
}

Result<Record> read_back(const EncodedRecord& encoded) {
  return decode(encoded.key, encoded.value ? std::optional<BytesView>(*encoded.value) : std::nullopt);
}

void try_record(const Stored& stored) {
  const auto first = decode(stored.key, stored.value);
  if (!first) return;
  const auto second = read_back(encode(*first, {}));
  GW_CHECK(second, "what was decoded can be encoded");
  const auto* offset = std::get_if<OffsetCommitted>(&*first);
  // The one version that knows an expiry knows neither leader epoch nor topic id.
  const bool expires = offset != nullptr && offset->expires_at;
  GW_CHECK(expires || *second == *first, "encoding and decoding lose nothing");
  GW_CHECK(read_back(encode(*second, {})) == *second,
           "nor does an expiring offset lose more the second time");
}

// Loads, lets an hour go by, and gives what is held after the load.
template <class Load>
Snapshot snapshot_after(const Load& load) {
  GroupManager manager(GroupOptions{});
  manager.load_begin();
  load(manager);
  Now now{MonotonicTime{std::chrono::hours(1)}, {1'700'000'000'000}};
  manager.load_done(now);
  GW_CHECK(manager.tally().offsets == static_cast<int64_t>(manager.counts().offsets), "offsets are counted");
  GW_CHECK(manager.tally().members == static_cast<int64_t>(manager.counts().members), "members are counted");
  Snapshot snapshot = manager.snapshot();
  for (int minute = 0; minute < 60; ++minute) {
    now.monotonic += std::chrono::minutes(1);
    now.wall.ms += 60'000;
    manager.tick(now);
    const auto output = manager.take_output();
    if (!output.batches.empty()) manager.committed(output.batches.back().sequence, now);
  }
  manager.resign();
  return snapshot;
}

Snapshot snapshot_after(const Snapshot& records) {
  return snapshot_after([&](GroupManager& manager) {
    for (const Record& record : records) {
      const EncodedRecord encoded = encode(record, {});
      manager.load(encoded.key, encoded.value ? std::optional<BytesView>(*encoded.value) : std::nullopt);
    }
  });
}

}  // namespace
}  // namespace godwit::groups

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  using namespace godwit::groups;
  // A copy, whose end the sanitizer knows.
  const Bytes bytes = to_bytes(std::as_bytes(std::span(data, size)));
  const auto records = split(bytes);
  for (const auto& record : records) try_record(record);
  const Snapshot first = snapshot_after([&](GroupManager& manager) {
    for (const auto& record : records) manager.load(record.key, record.value);
  });
  const Snapshot second = snapshot_after(first);
  GW_CHECK(snapshot_after(second) == second, "a manager's records say all that it holds");
  return 0;
}
