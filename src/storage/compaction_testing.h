// What the tests of compaction share: logs of keys and values.
#pragma once

#include <optional>

#include "storage/store_testing.h"

namespace godwit::storage::store_test {

// Compacted whenever something is new; tombstones stay for 10 s, segments have 2500 bytes.
LogConfig compacted_config();

struct KeyValue {
  std::string key;
  std::optional<std::string> value;  // empty: a tombstone
};

// Appends one batch and waits until it is stable.
Task<Served<Appended>> put(Log& log, std::vector<KeyValue> records, Producer producer = {});

// All records, "offset:key=value", of tombstones "offset:key"; of a value what precedes its first full stop. Ends with
// "error: …" where a read was refused.
Task<std::vector<std::string>> contents(Log& log);

// A value of that first part, so large that three fill a segment.
std::string wide(std::string text);

// Seals and commits all, and runs one pass.
Task<void> compact(Store& store, Log& log);

}  // namespace godwit::storage::store_test
