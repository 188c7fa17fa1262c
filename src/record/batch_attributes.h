// The 16 attribute bits of a record batch: codec, kind of timestamp, and what sort of batch it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace godwit {

enum class CompressionType : uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

// Kafka's name of the codec: "none", "gzip", "snappy", "lz4", "zstd".
std::string_view to_string(CompressionType type);
// The codec that Kafka calls `name`; empty for any other name ("producer" and "uncompressed" are topic
// settings, not codecs).
std::optional<CompressionType> parse_compression_type(std::string_view name);

enum class TimestampType : uint8_t { create_time = 0, log_append_time = 1 };

// Bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon (KIP-98, KIP-534). The bits
// above mean nothing yet and are kept as they came.
class BatchAttributes {
 public:
  constexpr BatchAttributes() = default;
  constexpr explicit BatchAttributes(uint16_t bits) : bits_(bits) {}

  constexpr uint16_t bits() const { return bits_; }

  // Empty for the codec numbers 5, 6 and 7, which nobody has defined.
  constexpr std::optional<CompressionType> compression() const {
    const unsigned id = bits_ & kCodecMask;
    if (id > static_cast<unsigned>(CompressionType::zstd)) return std::nullopt;
    return static_cast<CompressionType>(id);
  }
  constexpr TimestampType timestamp_type() const {
    return (bits_ & kLogAppendTime) != 0 ? TimestampType::log_append_time : TimestampType::create_time;
  }
  constexpr bool transactional() const { return (bits_ & kTransactional) != 0; }
  constexpr bool control() const { return (bits_ & kControl) != 0; }
  constexpr bool has_delete_horizon() const { return (bits_ & kDeleteHorizon) != 0; }

  constexpr BatchAttributes with_compression(CompressionType type) const {
    return BatchAttributes(static_cast<uint16_t>((bits_ & ~kCodecMask) | static_cast<unsigned>(type)));
  }
  constexpr BatchAttributes with_timestamp_type(TimestampType type) const {
    return with(kLogAppendTime, type == TimestampType::log_append_time);
  }
  constexpr BatchAttributes with_transactional(bool on) const { return with(kTransactional, on); }
  constexpr BatchAttributes with_control(bool on) const { return with(kControl, on); }
  constexpr BatchAttributes with_delete_horizon(bool on) const { return with(kDeleteHorizon, on); }

  friend constexpr bool operator==(BatchAttributes, BatchAttributes) = default;

 private:
  static constexpr unsigned kCodecMask = 0x07;
  static constexpr unsigned kLogAppendTime = 0x08;
  static constexpr unsigned kTransactional = 0x10;
  static constexpr unsigned kControl = 0x20;
  static constexpr unsigned kDeleteHorizon = 0x40;

  constexpr BatchAttributes with(unsigned bit, bool on) const {
    return BatchAttributes(static_cast<uint16_t>(on ? bits_ | bit : bits_ & ~bit));
  }

  uint16_t bits_ = 0;
};

}  // namespace godwit
