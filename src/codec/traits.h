// Which C++ types stand for what on the wire; for the codec's own bodies and for tools that walk field lists.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "codec/spec.h"

namespace godwit::codec {

template <class T>
struct OptionalOf : std::false_type {};
template <class T>
struct OptionalOf<std::optional<T>> : std::true_type {};

template <class T>
struct VectorOf : std::false_type {};
template <class T>
struct VectorOf<std::vector<T>> : std::true_type {};

template <class T>
concept NullableField = OptionalOf<T>::value;
template <class T>
concept StringField = std::is_same_v<T, std::string>;
template <class T>
concept BytesField = std::is_same_v<T, Bytes> || std::is_same_v<T, SharedBytes> || std::is_same_v<T, Chain>;
template <class T>
concept ArrayField = VectorOf<T>::value && !BytesField<T>;
// Strong and Ordinal.
template <class T>
concept WrappedField = requires(T t) {
  typename T::rep;
  { t.value() } -> std::same_as<typename T::rep>;
};
template <class T>
concept NumberField = std::is_arithmetic_v<T> || std::is_enum_v<T> || WrappedField<T>;

struct AnyVisitor {
  template <class M, class S>
  void operator()(const char*, M S::*, Spec = {}) {}
};
template <class T>
concept StructField = requires(AnyVisitor v) { T::fields(v); };

// The integer (or double) that is on the wire for a number.
template <class T>
constexpr auto to_wire(T value) {
  if constexpr (WrappedField<T>) {
    return value.value();
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<std::underlying_type_t<T>>(value);
  } else {
    return value;
  }
}
template <class T>
using Wire = decltype(to_wire(T{}));

// A value as its initializers make it.
template <class S>
const S& default_of() {
  static const S value{};
  return value;
}

template <class T>
size_t size_min(int16_t version, bool flexible);

template <class S>
struct SizeMinSum {
  int16_t version;
  bool flexible;
  size_t size;

  template <class M>
  void operator()(const char*, M S::*, Spec spec = {}) {
    if (spec.tagged() || !spec.present.contains(version)) return;
    size += size_min<M>(version, flexible && !spec.always_classic);
  }
};

// The fewest bytes that a T takes: bounds how many elements a rest of a frame can hold.
template <class T>
size_t size_min(int16_t version, bool flexible) {
  if constexpr (NumberField<T>) {
    return sizeof(Wire<T>);
  } else if constexpr (std::is_same_v<T, Uuid>) {
    return sizeof(Uuid);
  } else if constexpr (NullableField<T>) {
    if constexpr (StructField<typename T::value_type>)
      return 1;
    else
      return size_min<typename T::value_type>(version, flexible);
  } else if constexpr (StringField<T>) {
    return flexible ? 1 : 2;
  } else if constexpr (StructField<T>) {
    SizeMinSum<T> sum{version, flexible, flexible ? size_t{1} : size_t{0}};
    T::fields(sum);
    return sum.size;
  } else {
    static_assert(BytesField<T> || ArrayField<T>, "no such field type on the wire");
    return flexible ? 1 : 4;
  }
}

}  // namespace godwit::codec
