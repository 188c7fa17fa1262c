// The printing side of a field list; see codec::print.
#pragma once

#include "codec/codec.h"
#include "codec/traits.h"

namespace godwit::codec {

class Printer {
 public:
  explicit Printer(size_t size_max) : size_max_(size_max) {}

  template <class S>
  void put_struct(const S& self) {
    text("{");
    Fields<S> each{*this, self};
    S::fields(each);
    text("}");
  }

  void text(std::string_view more);
  // What was printed, cut at a character's end where it was too long. Once.
  std::string take();

 private:
  template <class S>
  struct Fields {
    Printer& p;
    const S& self;
    bool first = true;

    template <class M>
    void operator()(const char* name, M S::*member, Spec = {}) {
      if (p.full() || self.*member == default_of<S>().*member) return;
      if (!first) p.text(", ");
      first = false;
      p.text(name);
      p.text("=");
      p.put(self.*member);
    }
  };

  template <class T>
  void put(const T& value) {
    if constexpr (NullableField<T>) {
      if (value)
        put(*value);
      else
        text("null");
    } else if constexpr (std::is_same_v<T, bool>) {
      text(value ? "true" : "false");
    } else if constexpr (std::is_enum_v<T> && requires { to_string(value); }) {
      text(to_string(value));
    } else if constexpr (std::is_floating_point_v<T>) {
      text(std::to_string(value));
    } else if constexpr (NumberField<T>) {
      text(std::to_string(+to_wire(value)));
    } else if constexpr (std::is_same_v<T, Uuid>) {
      text(to_string(value));
    } else if constexpr (StringField<T>) {
      quoted(value);
    } else if constexpr (BytesField<T>) {
      size(value.size());
    } else if constexpr (ArrayField<T>) {
      text("[");
      for (size_t i = 0; i < value.size() && !full(); ++i) {
        if (i > 0) text(", ");
        put(value[i]);
      }
      text("]");
    } else {
      put_struct(value);
    }
  }

  void quoted(std::string_view value);
  void size(size_t bytes);
  bool full() const { return out_.size() > size_max_; }

  std::string out_;
  size_t size_max_;
};

}  // namespace godwit::codec
