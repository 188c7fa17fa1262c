// Integers that cannot be mixed up: an Offset is not a Position, though both are 64 bits.
//
//   using BrokerId = Strong<struct BrokerIdTag, int32_t>;     an identity: compared, never added
//   using Offset = Ordinal<struct OffsetTag>;                  a place on a line: offset + n, offset - offset
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace godwit {

template <class Tag, class Rep>
class Strong {
 public:
  using rep = Rep;
  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(Strong, Strong) = default;
  friend std::string to_string(Strong s) { return std::to_string(s.value_); }

 private:
  Rep value_{};
};

template <class Tag, class Rep = int64_t>
class Ordinal {
 public:
  using rep = Rep;
  constexpr Ordinal() = default;
  constexpr explicit Ordinal(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(Ordinal, Ordinal) = default;
  friend constexpr Ordinal operator+(Ordinal a, Rep n) { return Ordinal(a.value_ + n); }
  friend constexpr Ordinal operator-(Ordinal a, Rep n) { return Ordinal(a.value_ - n); }
  friend constexpr Rep operator-(Ordinal a, Ordinal b) { return a.value_ - b.value_; }
  constexpr Ordinal& operator+=(Rep n) {
    value_ += n;
    return *this;
  }
  constexpr Ordinal& operator++() {
    ++value_;
    return *this;
  }
  friend std::string to_string(Ordinal o) { return std::to_string(o.value_); }

 private:
  Rep value_{};
};

}  // namespace godwit

template <class Tag, class Rep>
struct std::hash<godwit::Strong<Tag, Rep>> {
  size_t operator()(godwit::Strong<Tag, Rep> s) const { return std::hash<Rep>{}(s.value()); }
};
template <class Tag, class Rep>
struct std::hash<godwit::Ordinal<Tag, Rep>> {
  size_t operator()(godwit::Ordinal<Tag, Rep> o) const { return std::hash<Rep>{}(o.value()); }
};
