// The layout of one record inside a batch's records, and the walk over it that the reader and the
// producer-side validation share. Private to the module.
//
//   varint length | int8 attributes (unused) | varlong timestamp delta | varint offset delta
//   varint key length (-1: null) | key | varint value length (-1: null) | value
//   varint header count | for each: varint key length | key | varint value length (-1: null) | value
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/varint.h"

namespace godwit {

// A place in a range of bytes that moves forward; a read that the bytes do not back leaves it where it was.
class RecordCursor {
 public:
  explicit RecordCursor(BytesView bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  BytesView rest() const { return {at_, remaining()}; }
  const std::byte* at() const { return at_; }

  bool skip_byte() {
    if (at_ == end_) return false;
    ++at_;
    return true;
  }
  bool read(int32_t& value) { return read_with(value, decode_varint); }
  bool read(int64_t& value) { return read_with(value, decode_varlong); }
  // Requires count <= remaining().
  BytesView take(size_t count) {
    const BytesView taken(at_, count);
    at_ += count;
    return taken;
  }

 private:
  // Nearly all numbers in a record take one or two bytes; those are read without a call.
  template <class T, class Decode>
  bool read_with(T& value, Decode decode) {
    if (remaining() >= 2) {
      const auto first = std::to_integer<uint32_t>(at_[0]);
      const auto second = std::to_integer<uint32_t>(at_[1]);
      if (first < 0x80) {
        value = static_cast<T>(un_zig_zag(first));
        ++at_;
        return true;
      }
      if (second < 0x80) {
        value = static_cast<T>(un_zig_zag((first & 0x7f) | second << 7));
        at_ += 2;
        return true;
      }
    }
    const auto decoded = decode(rest());
    if (!decoded) return false;
    value = decoded->value;
    at_ += decoded->size;
    return true;
  }

  const std::byte* at_;
  const std::byte* end_;
};

struct RawRecord {
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  std::optional<BytesView> key;
  std::optional<BytesView> value;
  BytesView headers_raw;
  int32_t header_count = 0;
};

// Reads the record at the cursor and moves behind it. Gives back what is wrong with it, in words, or nothing.
std::string_view walk_record(RecordCursor& cursor, RawRecord& record);

// Reads one header at the cursor; the same.
std::string_view walk_header(RecordCursor& cursor, std::string_view& key, std::optional<BytesView>& value);

// base + delta as every implementation counts: round the end of 64 bits, so that whatever was written reads
// back.
constexpr int64_t timestamp_at(int64_t base_ms, int64_t delta_ms) {
  return static_cast<int64_t>(static_cast<uint64_t>(base_ms) + static_cast<uint64_t>(delta_ms));
}

}  // namespace godwit
