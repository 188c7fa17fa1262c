// A message as a tree of named values, made from its field list: what can be written down and compared without
// knowing its type.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/traits.h"

namespace godwit::compare {

struct Node {
  enum class Kind { null, number, text, uuid, bytes, list, fields };
  Kind kind = Kind::null;
  // Of number (also enums, by their names, and bool), text and uuid.
  std::string text = {};
  Bytes bytes = {};
  // Of list (without names) and fields.
  std::vector<std::pair<std::string, Node>> children = {};

  // The field of that name; null where there is none.
  const Node* find(std::string_view name) const;
};

template <class T>
Node to_tree(const T& value, int16_t version);

template <class S>
struct TreeFields {
  const S& self;
  int16_t version;
  Node& node;

  template <class M>
  void operator()(const char* name, M S::*member, codec::Spec spec = {}) {
    if (spec.present.contains(version)) node.children.emplace_back(name, to_tree(self.*member, version));
  }
};

template <class T>
Node to_tree(const T& value, int16_t version) {
  if constexpr (codec::NullableField<T>) {
    return value ? to_tree(*value, version) : Node{};
  } else if constexpr (std::is_same_v<T, bool>) {
    return {.kind = Node::Kind::number, .text = value ? "true" : "false"};
  } else if constexpr (std::is_enum_v<T>) {
    return {.kind = Node::Kind::number, .text = std::string(to_string(value))};
  } else if constexpr (codec::NumberField<T>) {
    return {.kind = Node::Kind::number, .text = std::to_string(codec::to_wire(value))};
  } else if constexpr (std::is_same_v<T, Uuid>) {
    return {.kind = Node::Kind::uuid, .text = value.is_zero() ? "" : to_string(value)};
  } else if constexpr (codec::StringField<T>) {
    return {.kind = Node::Kind::text, .text = value};
  } else if constexpr (std::is_same_v<T, Bytes>) {
    return {.kind = Node::Kind::bytes, .bytes = value};
  } else if constexpr (std::is_same_v<T, SharedBytes>) {
    return {.kind = Node::Kind::bytes, .bytes = to_bytes(value.view())};
  } else if constexpr (std::is_same_v<T, Chain>) {
    return {.kind = Node::Kind::bytes, .bytes = value.flatten()};
  } else if constexpr (codec::ArrayField<T>) {
    Node node{.kind = Node::Kind::list};
    for (const auto& element : value) node.children.emplace_back("", to_tree(element, version));
    return node;
  } else {
    Node node{.kind = Node::Kind::fields};
    TreeFields<T> fields{value, version, node};
    T::fields(fields);
    return node;
  }
}

}  // namespace godwit::compare
