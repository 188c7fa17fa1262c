#include "coordination/zookeeper/key_layout.h"

#include "base/bytes.h"
#include "base/crc32c.h"

namespace godwit::coordination::zookeeper {
namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

bool is_plain(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         (c == '.' && !first);
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 256 buckets keep an answer with the names of a group's keys small; keys of one second segment (a topic's partitions)
// stand together, so that they can be listed by themselves.
std::string bucket_name(std::string_view rest) {
  const uint32_t hash = crc32c(as_bytes(rest.substr(0, rest.find('/'))));
  return {kDigits[hash >> 4 & 15], kDigits[hash & 15]};
}

}  // namespace

std::string_view group_of(std::string_view key) {
  const size_t slash = key.find('/', 1);
  return slash == key.npos ? std::string_view() : key.substr(0, slash + 1);
}

std::optional<std::string_view> group_of_prefix(std::string_view prefix) {
  const auto group = group_of(prefix);
  if (group.empty()) return std::nullopt;
  return group;
}

bool group_may_hold(std::string_view group, std::string_view prefix) {
  return group.empty() || group.starts_with(prefix) || prefix.starts_with(group);
}

std::string encode_name(std::string_view text) {
  if (text.empty()) return "@";
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_plain(text[i], i == 0)) {
      name += text[i];
    } else if (text[i] == '/') {
      name += '+';
    } else {
      const auto byte = static_cast<unsigned char>(text[i]);
      name += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return name;
}

std::optional<std::string> decode_name(std::string_view name) {
  if (name == "@") return "";
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '+') {
      text += '/';
    } else if (name[i] == '%' && i + 2 < name.size() && hex(name[i + 1]) >= 0 && hex(name[i + 2]) >= 0) {
      text += static_cast<char>(hex(name[i + 1]) * 16 + hex(name[i + 2]));
      i += 2;
    } else {
      text += name[i];
    }
  }
  if (text.empty() || encode_name(text) != name) return std::nullopt;
  return text;
}

std::string KeyLayout::bucket(std::string_view key) const {
  const auto group = group_of(key);
  return keys(group) + "/" + bucket_name(key.substr(group.size()));
}

std::optional<std::string> KeyLayout::bucket_of_prefix(std::string_view prefix) const {
  const auto group = group_of(prefix);
  const auto rest = prefix.substr(group.size());
  if (group.empty() || rest.find('/') == rest.npos) return std::nullopt;
  return keys(group) + "/" + bucket_name(rest);
}

std::string KeyLayout::key(std::string_view key) const {
  return bucket(key) + "/" + encode_name(key.substr(group_of(key).size()));
}

std::string KeyLayout::lease_marker(std::string_view key) const {
  const auto group = group_of(key);
  return changes(group) + "/" + encode_name(key.substr(group.size()));
}

std::vector<std::string> KeyLayout::parents_of_group(std::string_view group) const {
  std::vector<std::string> paths;
  for (size_t at = root_.find('/', 1); at != root_.npos; at = root_.find('/', at + 1))
    paths.push_back(root_.substr(0, at));
  paths.push_back(root_);
  for (const char* part : {"/changes", "/created", "/keys"}) paths.push_back(root_ + part);
  paths.push_back(keys(group));
  paths.push_back(changes(group));
  // Last: whoever finds this node finds the rest of the group.
  paths.push_back(created(group));
  return paths;
}

}  // namespace godwit::coordination::zookeeper
