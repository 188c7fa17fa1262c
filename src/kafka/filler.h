// Fills messages with values for tests: every field that a version has gets a value that is not its default,
// so that a field which encoding or decoding forgets is noticed. The same seed gives the same message.
#pragma once

#include <random>

#include "codec/traits.h"
#include "kafka/message.h"

namespace godwit::kafka {

class Filler {
 public:
  // `null_percent` of the nullable fields become null, where the version allows that.
  explicit Filler(uint64_t seed, int null_percent = 0) : random_(seed), null_percent_(null_percent) {}

  template <class M>
  M message(int16_t version) {
    version_ = version;
    M value{};
    fill_struct(value);
    return value;
  }

 private:
  template <class S>
  struct Fields {
    Filler& filler;
    S& self;
    template <class M>
    void operator()(const char*, M S::*member, codec::Spec spec = {}) {
      if (spec.present.contains(filler.version_)) {
        filler.fill(self.*member, codec::default_of<S>().*member, spec);
      }
    }
  };

  template <class S>
  void fill_struct(S& self) {
    Fields<S> each{*this, self};
    S::fields(each);
  }

  template <class T>
  void fill(T& value, const T& unwanted, codec::Spec spec) {
    if constexpr (codec::NullableField<T>) {
      if (spec.null_allowed.contains(version_) && take_null()) {
        value.reset();
        return;
      }
      typename T::value_type inner{};
      fill(inner, typename T::value_type{}, spec);
      value = std::move(inner);
    } else if constexpr (std::is_same_v<T, bool>) {
      value = !unwanted;
    } else if constexpr (codec::NumberField<T>) {
      do value = static_cast<T>(static_cast<codec::Wire<T>>(draw()));
      while (value == unwanted);
    } else if constexpr (std::is_same_v<T, Uuid>) {
      value = uuid();
    } else if constexpr (codec::StringField<T>) {
      value = text();
    } else if constexpr (std::is_same_v<T, Bytes>) {
      value = to_bytes(text());
    } else if constexpr (std::is_same_v<T, SharedBytes>) {
      value = SharedBytes::own(records());
    } else if constexpr (std::is_same_v<T, Chain>) {
      value.append(SharedBytes::own(records()));
      value.append(SharedBytes::own(records()));
    } else if constexpr (codec::ArrayField<T>) {
      value.resize(1 + draw() % 3);
      for (auto& element : value) fill(element, typename T::value_type{}, codec::Spec{});
    } else {
      fill_struct(value);
    }
  }

  uint64_t draw() { return random_(); }
  bool take_null();
  std::string text();
  // Sometimes large enough to be spliced.
  Bytes records();
  Uuid uuid();

  std::mt19937_64 random_;
  int null_percent_;
  int16_t version_ = 0;
};

}  // namespace godwit::kafka
