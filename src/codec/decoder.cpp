#include "codec/decoder.h"

#include "codec/path.h"

namespace godwit::codec {

bool Decoder::read_long_uvarint(uint32_t& value) {
#ifndef GODWIT_SEEDED_BUG_MESSAGE
  const auto decoded = decode_unsigned_varint({at_, end_});
#else  // trusts that a varint ends before the frame does, for a build that shows that the fuzzer finds it
  const auto decoded = decode_unsigned_varint({at_, at_ + 5});
#endif
  if (!decoded) return fail_with("a varint ends nowhere or does not fit in 32 bits");
  value = decoded->value;
  at_ += decoded->size;
  return true;
}

bool Decoder::fail_with(std::string reason, ErrorKind kind) {
  reason_ = std::move(reason);
  kind_ = kind;
  return false;
}

bool Decoder::fail_number(size_t size) {
  return fail_with("needs " + std::to_string(size) + " bytes but " + std::to_string(remaining()) + " remain");
}

bool Decoder::fail_length(size_t length) {
  return fail_with("length " + std::to_string(length) + " but " + std::to_string(remaining()) +
                   " bytes remain");
}

bool Decoder::fail_negative(int64_t length) {
  return fail_with("negative length " + std::to_string(length));
}

bool Decoder::fail_string(size_t length) {
  return fail_with("a string of " + std::to_string(length) + " bytes, at most " +
                   std::to_string(kStringSizeMax) + " are allowed");
}

bool Decoder::fail_count(size_t count, size_t element_min) {
  return fail_with(std::to_string(count) + " elements of at least " + std::to_string(element_min) +
                   " bytes but " + std::to_string(remaining()) + " bytes remain");
}

bool Decoder::fail_memory(size_t count, size_t element_size) {
  return fail_with(std::to_string(count) + " elements take " + std::to_string(count * element_size) +
                       " bytes of memory, more than this frame may use",
                   ErrorKind::limit);
}

bool Decoder::fail_null() {
  return fail_with("is null, which version " + std::to_string(version_) + " forbids");
}

bool Decoder::fail_tag(uint32_t tag, uint32_t size) {
  return fail_with("tagged field " + std::to_string(tag) + " has " + std::to_string(size) + " bytes, " +
                   std::to_string(remaining()) + " of them after its value");
}

void Decoder::failed_in(std::string_view name) {
  prepend_name(path_, name);
}
void Decoder::failed_at(size_t index) {
  prepend_index(path_, index);
}

Error Decoder::error(std::string_view struct_name) const {
  return {kind_, describe_fault(struct_name, version_, path_, reason_)};
}

}  // namespace godwit::codec
