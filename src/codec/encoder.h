// The writing side of a field list; see codec/codec.h for what callers use. The same walk runs twice, over a
// sink that counts and over one that writes, so that the buffer is taken once and has the exact size. What
// can go wrong is found by the first walk.
#pragma once

#include <bit>

#include "base/check.h"
#include "base/endian.h"
#include "base/varint.h"
#include "codec/codec.h"
#include "codec/traits.h"

namespace godwit::codec {

// Shared bytes below this size are copied: one more part of a Chain costs a send more than such a copy.
constexpr size_t kSpliceMin = 256;

// Counts what a WritingSink would write.
class CountingSink {
 public:
  void number(const auto& value) { copied_ += sizeof(value); }
  void uvarint(uint64_t value) { copied_ += unsigned_varint_size(value); }
  void bytes(BytesView view) { copied_ += view.size(); }
  void splice(const SharedBytes& part) {
    if (part.size() < kSpliceMin) {
      copied_ += part.size();
    } else {
      spliced_ += part.size();
    }
  }
  // Bytes that need room in the buffer, and those that are only referred to.
  size_t copied() const { return copied_; }
  size_t total() const { return copied_ + spliced_; }

 private:
  size_t copied_ = 0;
  size_t spliced_ = 0;
};

// Writes into one buffer of just the size that a CountingSink found, and remembers where parts are spliced
// in.
class WritingSink {
 public:
  WritingSink(const CountingSink& counted, size_t before);

  template <class T>
  void number(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      *at_ = value ? std::byte{1} : std::byte{0};
    } else if constexpr (std::is_floating_point_v<T>) {
      store_big(at_, std::bit_cast<uint64_t>(value));
    } else {
      store_big(at_, value);
    }
    at_ += sizeof(T);
  }
  void uvarint(uint64_t value) {
    if (value < 0x80) {
      *at_++ = static_cast<std::byte>(value);
    } else {
      at_ += encode_unsigned_varint(value, at_);
    }
  }
  void bytes(BytesView view) {
    if (!view.empty()) std::memcpy(at_, view.data(), view.size());
    at_ += view.size();
  }
  void splice(const SharedBytes& part);

  // What was written, spliced parts in their places. Once.
  Chain take();

 private:
  SharedBytes buffer_;
  std::byte* at_;
  const std::byte* cut_;  // where the part of the buffer begins that is not in the chain yet
  Chain chain_;
};

template <class Sink>
class Encoder {
 public:
  Encoder(Sink& sink, int16_t version, bool flexible) : sink_(sink), version_(version), flexible_(flexible) {}

  template <class S>
  bool put_struct(const S& self) {
    PlainFields<S> plain{*this, self};
    S::fields(plain);
    return plain.ok && (!flexible_ || put_tags(self));
  }

  Error error(std::string_view struct_name) const;

 private:
  template <class>
  friend class Encoder;

  template <class S>
  struct PlainFields {
    Encoder& e;
    const S& self;
    bool ok = true;

    template <class M>
    void operator()(const char* name, M S::*member, Spec spec = {}) {
      if (!ok) return;
      if (!spec.present.contains(e.version_)) {
        if (spec.may_be_dropped || self.*member == default_of<S>().*member) return;
        ok = e.fail_absent(spec.present);
      } else if (!spec.tagged()) {
        ok = e.put(self.*member, spec);
      }
      if (!ok) e.failed_in(name);
    }
  };

  template <class S>
  struct CountTags {
    Encoder& e;
    const S& self;
    uint32_t count = 0;

    template <class M>
    void operator()(const char*, M S::*member, Spec spec = {}) {
      if (spec.tagged() && spec.present.contains(e.version_) && !(self.*member == default_of<S>().*member))
        ++count;
    }
  };

  template <class S>
  struct PutTags {
    Encoder& e;
    const S& self;
    bool ok = true;

    template <class M>
    void operator()(const char* name, M S::*member, Spec spec = {}) {
      if (!ok || !spec.tagged() || !spec.present.contains(e.version_)) return;
      if (self.*member == default_of<S>().*member) return;
      ok = e.put_tag(self.*member, spec);
      if (!ok) e.failed_in(name);
    }
  };

  template <class S>
  bool put_tags(const S& self) {
    CountTags<S> tags{*this, self};
    S::fields(tags);
    sink_.uvarint(tags.count);
    if (tags.count == 0) [[likely]]
      return true;
    PutTags<S> put_each{*this, self};
    S::fields(put_each);
    return put_each.ok;
  }

  template <class T>
  bool put_tag(const T& value, Spec spec) {
    CountingSink counted;
    Encoder<CountingSink> counter(counted, version_, flexible_);
    if (!counter.put(value, spec)) {
      path_ = std::move(counter.path_);
      reason_ = std::move(counter.reason_);
      kind_ = counter.kind_;
      return false;
    }
    sink_.uvarint(static_cast<uint32_t>(spec.tag));
    sink_.uvarint(counted.total());
    return put(value, spec);
  }

  template <class T>
  bool put(const T& value, Spec spec) {
    if constexpr (NumberField<T>) {
      sink_.number(to_wire(value));
      return true;
    } else if constexpr (std::is_same_v<T, Uuid>) {
      sink_.bytes(value.bytes);
      return true;
    } else if constexpr (NullableField<T>) {
      return put_nullable(value, spec);
    } else if constexpr (StructField<T>) {
      return put_struct(value);
    } else if constexpr (StringField<T>) {
      if (value.size() > kStringSizeMax) [[unlikely]]
        return fail_size(value.size(), kStringSizeMax);
      put_length<T>(static_cast<int64_t>(value.size()), spec);
      sink_.bytes(as_bytes(value));
      return true;
    } else {
      if (value.size() > kCountMax) [[unlikely]]
        return fail_size(value.size(), kCountMax);
      put_length<T>(static_cast<int64_t>(value.size()), spec);
      return put_content(value);
    }
  }

  bool put_content(const Bytes& value) {
    sink_.bytes(value);
    return true;
  }
  bool put_content(const SharedBytes& value) {
    sink_.splice(value);
    return true;
  }
  bool put_content(const Chain& value) {
    for (const auto& part : value.parts()) sink_.splice(part);
    return true;
  }
  template <class E>
  bool put_content(const std::vector<E>& value) {
    for (const auto& element : value) {
      if (!put(element, Spec{})) [[unlikely]] {
        failed_at(static_cast<size_t>(&element - value.data()));
        return false;
      }
    }
    return true;
  }

  template <class T>
  bool put_nullable(const std::optional<T>& value, Spec spec) {
    if (!value && !spec.null_allowed.contains(version_)) [[unlikely]]
      return fail_null();
    if constexpr (StructField<T>) {
      sink_.number(static_cast<int8_t>(value ? 1 : -1));
      return !value || put_struct(*value);
    } else {
      if (value) return put(*value, spec);
      put_length<T>(-1, spec);
      return true;
    }
  }

  template <class T>
  void put_length(int64_t length, Spec spec) {
    if (flexible_ && !spec.always_classic) {
      sink_.uvarint(static_cast<uint64_t>(length + 1));
    } else if constexpr (StringField<T>) {
      sink_.number(static_cast<int16_t>(length));
    } else {
      sink_.number(static_cast<int32_t>(length));
    }
  }

  static constexpr size_t kCountMax = 0x7ffffffe;

  bool fail_with(std::string reason, ErrorKind kind);
  bool fail_absent(VersionRange present);
  bool fail_null();
  bool fail_size(size_t size, size_t size_max);
  void failed_in(std::string_view name);
  void failed_at(size_t index);

  Sink& sink_;
  int16_t version_;
  bool flexible_;
  ErrorKind kind_ = ErrorKind::invalid;
  std::string path_;
  std::string reason_;
};

extern template class Encoder<CountingSink>;
extern template class Encoder<WritingSink>;

}  // namespace godwit::codec
