// What is written and read. Self-contained.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace godwit::client {

struct Header {
  std::string name;
  // Without a value the header is there, with null.
  std::optional<std::string> value;
  friend bool operator==(const Header&, const Header&) = default;
};

// Bytes, not text: keys and values may hold any.
struct Message {
  // Messages with the same key go to the same partition, and stay in order.
  std::optional<std::string> key{};
  // Without a value it is a tombstone: in a compacted topic it deletes what its key has.
  std::optional<std::string> value{};
  std::vector<Header> headers{};
  // Milliseconds since 1970; without it, the time of the call.
  std::optional<int64_t> timestamp_ms{};
  // Without it: by the key's murmur2 hash, as Kafka's own producer chooses; without a key, at random.
  std::optional<int32_t> partition{};
};

// Where a message was stored.
struct Written {
  int32_t partition = -1;
  // -1 where nobody waited for it (Acks::none).
  int64_t offset = -1;
  // From the call of write to the acknowledgement, in microseconds.
  int64_t latency_us = 0;
};

struct Record {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  // Milliseconds since 1970; -1 where the record has none.
  int64_t timestamp_ms = -1;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<Header> headers;
};

}  // namespace godwit::client
