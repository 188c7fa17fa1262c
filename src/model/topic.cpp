#include "model/topic.h"

#include <algorithm>

namespace godwit {
namespace {

bool is_legal(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

}  // namespace

std::string_view topic_name_fault(std::string_view name) {
  if (name.empty()) return "the empty string is not a topic name";
  if (name == "." || name == "..") return "'.' and '..' are not topic names";
  if (name.size() > kTopicNameMax) return "a topic name has at most 249 characters";
  if (!std::ranges::all_of(name, is_legal))
    return "a topic name consists of letters, digits, '.', '_' and '-'";
  return {};
}

bool topic_names_collide(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b,
                            [](char x, char y) { return (x == '.' ? '_' : x) == (y == '.' ? '_' : y); });
}

bool is_internal_topic(std::string_view name) {
  return name == kConsumerOffsetsTopic || name == kTransactionStateTopic;
}

}  // namespace godwit
