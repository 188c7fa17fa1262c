// Every message behind one door, for what treats them all alike: tests, fuzzers and tools. Whoever handles
// one kind of request includes messages/<api>.h instead.
//
//   for (const AnyMessage* message : all_messages()) { auto value = message->filled(version, 1, 0); … }
//
// Values are held without their type; a function of an AnyMessage takes only values that the same one made.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "kafka/message.h"

namespace godwit::kafka {

class AnyMessage {
 public:
  using Value = std::shared_ptr<const void>;

  virtual ~AnyMessage() = default;

  virtual ApiKey api() const = 0;
  virtual bool is_request() const = 0;
  virtual const codec::Format& format() const = 0;

  // As codec::decode, codec::encode, codec::encoded_size and codec::print.
  virtual Result<Value> decode(codec::Input& in, int16_t version) const = 0;
  virtual Result<Chain> encode(const Value& value, int16_t version) const = 0;
  virtual Result<size_t> encoded_size(const Value& value, int16_t version) const = 0;
  virtual std::string print(const Value& value, size_t size_max) const = 0;

  virtual bool equal(const Value& a, const Value& b) const = 0;
  virtual Value defaults() const = 0;
  // For tests: every field that the version has gets a value that is not its default, so that a field which
  // encoding or decoding forgets is noticed; `null_percent` of what may be null is null. The same seed gives
  // the same value.
  virtual Value filled(int16_t version, uint64_t seed, int null_percent) const = 0;
  // The tags of each struct, in the order of their lines: within a struct they must ascend.
  virtual bool tags_ascend() const = 0;
};

// Requests by ascending key, each followed by its response.
std::span<const AnyMessage* const> all_messages();

// "ProduceRequest"; null where there is none of that name.
const AnyMessage* find_message(std::string_view name);
// `api` must be one of the enumerators.
const AnyMessage& request_of(ApiKey api);
const AnyMessage& response_of(ApiKey api);

}  // namespace godwit::kafka
