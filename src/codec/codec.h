// Encodes, decodes, sizes and prints whatever has a versioned field list (codec/spec.h). This header only
// declares: the bodies are instantiated once, in the .cpp of whoever owns the struct, by including
// codec/define.h and writing GODWIT_CODEC(MyStruct);
// (GODWIT_STORED_CODEC for the two functions with a version of their own). So including a message costs next
// to nothing.
//
//   codec::Input in(frame);
//   Result<MetadataRequest> request = codec::decode<MetadataRequest>(in, 12);
//   Result<Chain> bytes = codec::encode(response, 12);
//
// On the wire (big endian; "compact" in flexible versions):
//   bool, int8_t … int64_t, uint16_t, uint32_t, double   their width; bool is one byte
//   Strong, Ordinal, enums                               as their integer (ErrorCode is an int16)
//   Uuid                                                 16 bytes
//   std::string                                          int16 length, at most 32,767; compact: varint length
//   + 1 Bytes                                                int32 length; compact: varint length + 1. Copied
//   SharedBytes, Chain                                   as Bytes, but never copied when large: decoded as a
//                                                        slice of the frame, encoded by splicing the parts in
//   std::vector<T>                                       int32 count; compact: varint count + 1
//   a struct with fields()                               its fields; flexible: and its tagged fields
//   std::optional of a string, bytes or vector           length -1 (compact 0) is null
//   std::optional of a struct                            int8 -1 is null, 1 is followed by the struct
//
// Pure; every function may be called from every thread on its own arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/spec.h"

namespace godwit::codec {

// What the arrays of one frame may take in memory, in bytes: elements are larger in memory than on the wire,
// so a hostile frame would otherwise be blown up a hundredfold.
constexpr size_t kDecodedMemoryMax = size_t{64} << 20;

// A string longer than this is refused in both directions, as Kafka does.
constexpr size_t kStringSizeMax = 0x7fff;

// A frame and how far it has been read. SharedBytes that were decoded from it share its owner.
class Input {
 public:
  explicit Input(SharedBytes frame, size_t memory_max = kDecodedMemoryMax)
      : frame_(std::move(frame)), memory_left_(memory_max) {}

  // Bytes read so far.
  size_t position() const { return position_; }
  // Bytes not read yet: after the last struct, what the sender wrote beyond what this version knows.
  size_t remaining() const { return frame_.size() - position_; }
  BytesView rest() const { return frame_.view().subspan(position_); }

 private:
  friend class Decoder;
  SharedBytes frame_;
  size_t position_ = 0;
  size_t memory_left_;
};

// Reads one T. Every length is checked against what remains before anything is allocated; unknown tagged
// fields are skipped. Errors: unsupported (no such version), corrupt (the message names the field:
// "ProduceRequest v9 topic_data[0].name: …"), limit (more memory than `in` allows). After an error `in` must
// not be used.
template <class T>
Result<T> decode(Input& in, int16_t version);

// Bytes that encode() will make, spliced ones included. The same errors.
template <class T>
Result<size_t> encoded_size(const T& value, int16_t version);

// Errors: unsupported (no such version, or a field that is neither default nor ignorable does not exist in
// it), invalid (null where the version has no null; a string above kStringSizeMax; more than 2 GiB). The
// result shares the SharedBytes of `value`, and owns the rest.
template <class T>
Result<Chain> encode(const T& value, int16_t version);

// As encode(), behind `header`, and all that behind its own length as an int32: a frame of the Kafka
// protocol.
template <class T>
Result<Chain> encode_framed(const T& value, int16_t version, BytesView header);

// For what is stored: the version as an int16, then the value.
template <class T>
Result<Bytes> encode_versioned(const T& value, int16_t version);

// Reads what encode_versioned wrote. Errors: unsupported where the version is unknown, corrupt otherwise,
// also where bytes are left over.
template <class T>
Result<T> decode_versioned(const SharedBytes& bytes);

constexpr size_t kPrintedMax = 1000;

// One line for diagnostics, such as `MetadataRequest{topics=[{name="a"}, {name="b"}]}`: fields that equal
// their default are left out, bytes appear as their size, and what would exceed `size_max` bytes ends in "…".
template <class T>
std::string print(const T& value, size_t size_max = kPrintedMax);

}  // namespace godwit::codec
