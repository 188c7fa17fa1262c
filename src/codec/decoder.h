// The reading side of a field list; see codec/codec.h for what callers use.
//
// Failure is rare and reading is hot, so nothing is prepared for failure: the first fault writes its reason,
// and each level on the way out puts its name before the path.
#pragma once

#include <algorithm>
#include <limits>

#include "base/endian.h"
#include "base/varint.h"
#include "codec/codec.h"
#include "codec/traits.h"

namespace godwit::codec {

class Decoder {
 public:
  Decoder(Input& in, int16_t version, bool flexible)
      : in_(in),
        at_(in.frame_.data() + in.position_),
        end_(in.frame_.data() + in.frame_.size()),
        version_(version),
        flexible_(flexible) {}

  // Fills `self`, which must be as its initializers make it. False: take the error().
  template <class S>
  bool read_struct(S& self) {
    PlainFields<S> plain{*this, self};
    S::fields(plain);
    return plain.ok && (!flexible_ || read_tags(self));
  }

  // Tells the input how far it was read; after success only.
  void finish() { in_.position_ = static_cast<size_t>(at_ - in_.frame_.data()); }

  Error error(std::string_view struct_name) const;

 private:
  template <class S>
  struct PlainFields {
    Decoder& d;
    S& self;
    bool ok = true;

    template <class M>
    void operator()(const char* name, M S::*member, Spec spec = {}) {
      if (!ok || spec.tagged() || !spec.present.contains(d.version_)) return;
      if (!d.read(self.*member, spec)) [[unlikely]] {
        ok = false;
        d.failed_in(name);
      }
    }
  };

  template <class S>
  struct TaggedField {
    Decoder& d;
    S& self;
    uint32_t tag;
    bool found = false;
    bool ok = true;

    template <class M>
    void operator()(const char* name, M S::*member, Spec spec = {}) {
      if (!spec.tagged() || static_cast<uint32_t>(spec.tag) != tag || !spec.present.contains(d.version_))
        return;
      found = true;
      self.*member = default_of<S>().*member;  // a tag that comes twice: the last one counts
      ok = d.read(self.*member, spec);
      if (!ok) d.failed_in(name);
    }
  };

  template <class S>
  bool read_tags(S& self) {
    if (at_ != end_ && *at_ == std::byte{0}) [[likely]] {
      ++at_;
      return true;
    }
    uint32_t count = 0;
    if (!read_uvarint(count)) return false;
    for (; count > 0; --count) {
      uint32_t tag = 0;
      uint32_t size = 0;
      if (!read_uvarint(tag) || !read_uvarint(size)) return false;
      if (size > remaining()) return fail_length(size);
      const std::byte* const frame_end = end_;
      end_ = at_ + size;
      TaggedField<S> field{*this, self, tag};
      S::fields(field);
      if (!field.ok) return false;
      if (field.found && at_ != end_) return fail_tag(tag, size);
      at_ = end_;
      end_ = frame_end;
    }
    return true;
  }

  template <class T>
  bool read(T& value, Spec spec) {
    if constexpr (NumberField<T>) {
      using W = Wire<T>;
      if (remaining() < sizeof(W)) [[unlikely]]
        return fail_number(sizeof(W));
      if constexpr (std::is_same_v<W, bool>) {
        value = *at_ != std::byte{0};
      } else if constexpr (std::is_floating_point_v<W>) {
        static_assert(sizeof(W) == 8);
        value = std::bit_cast<double>(load_big<uint64_t>(at_));
      } else {
        value = static_cast<T>(load_big<W>(at_));
      }
      at_ += sizeof(W);
      return true;
    } else if constexpr (std::is_same_v<T, Uuid>) {
      if (remaining() < sizeof(Uuid)) [[unlikely]]
        return fail_number(sizeof(Uuid));
      std::copy_n(at_, sizeof(Uuid), value.bytes.begin());
      at_ += sizeof(Uuid);
      return true;
    } else if constexpr (NullableField<T>) {
      return read_nullable(value, spec);
    } else if constexpr (StructField<T>) {
      return read_struct(value);
    } else {
      int64_t length = 0;
      if (!read_length<T>(length, spec)) return false;
      if (length < 0) [[unlikely]]
        return fail_null();
      return read_counted(value, static_cast<size_t>(length));
    }
  }

  template <class T>
  bool read_nullable(std::optional<T>& value, Spec spec) {
    if constexpr (StructField<T>) {
      int8_t marker = 0;
      if (!read(marker, Spec{})) return false;
      if (marker >= 0) return read_struct(value.emplace());
    } else {
      int64_t length = 0;
      if (!read_length<T>(length, spec)) return false;
      if (length >= 0) return read_counted(value.emplace(), static_cast<size_t>(length));
    }
    value.reset();
    return spec.null_allowed.contains(version_) || fail_null();
  }

  // The length or count before a string, bytes or an array; -1 for null.
  template <class T>
  bool read_length(int64_t& length, Spec spec) {
    if (flexible_ && !spec.always_classic) {
      uint32_t plus_one = 0;
      if (!read_uvarint(plus_one)) return false;
      length = int64_t{plus_one} - 1;
      return true;
    }
    if constexpr (StringField<T>) {
      int16_t classic = 0;
      if (!read(classic, Spec{})) return false;
      length = classic;
    } else {
      int32_t classic = 0;
      if (!read(classic, Spec{})) return false;
      length = classic;
    }
    return length >= -1 || fail_negative(length);
  }

  template <class T>
  bool read_counted(T& value, size_t length) {
    if constexpr (StringField<T>) {
      if (length > remaining()) [[unlikely]]
        return fail_length(length);
      if (length > kStringSizeMax) [[unlikely]]
        return fail_string(length);
      value.assign(reinterpret_cast<const char*>(at_), length);
      at_ += length;
      return true;
    } else if constexpr (BytesField<T>) {
      if (length > remaining()) [[unlikely]]
        return fail_length(length);
      if constexpr (std::is_same_v<T, Bytes>) {
        value.assign(at_, at_ + length);
      } else {
        value = T(in_.frame_.slice(static_cast<size_t>(at_ - in_.frame_.data()), length));
      }
      at_ += length;
      return true;
    } else {
      return read_array(value, length);
    }
  }

  template <class E>
  bool read_array(std::vector<E>& value, size_t count) {
    const size_t element_min = std::max<size_t>(1, size_min<E>(version_, flexible_));
    if (count > remaining() / element_min) [[unlikely]]
      return fail_count(count, element_min);
    if (count > in_.memory_left_ / sizeof(E)) [[unlikely]]
      return fail_memory(count, sizeof(E));
    in_.memory_left_ -= count * sizeof(E);
    value.clear();
    value.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      if (!read(value.emplace_back(), Spec{})) [[unlikely]] {
        failed_at(i);
        return false;
      }
    }
    return true;
  }

  bool read_uvarint(uint32_t& value) {
    if (at_ != end_ && *at_ < std::byte{0x80}) [[likely]] {
      value = std::to_integer<uint32_t>(*at_++);
      return true;
    }
    return read_long_uvarint(value);
  }

  size_t remaining() const { return static_cast<size_t>(end_ - at_); }

  bool read_long_uvarint(uint32_t& value);
  bool fail_with(std::string reason, ErrorKind kind = ErrorKind::corrupt);
  bool fail_number(size_t size);
  bool fail_length(size_t length);
  bool fail_negative(int64_t length);
  bool fail_string(size_t length);
  bool fail_count(size_t count, size_t element_min);
  bool fail_memory(size_t count, size_t element_size);
  bool fail_null();
  bool fail_tag(uint32_t tag, uint32_t size);
  void failed_in(std::string_view name);
  void failed_at(size_t index);

  Input& in_;
  const std::byte* at_;
  const std::byte* end_;
  int16_t version_;
  bool flexible_;
  ErrorKind kind_ = ErrorKind::corrupt;
  std::string path_;
  std::string reason_;
};

}  // namespace godwit::codec
