// Which node of ZooKeeper holds which key (docs/formats/coordination.md). Pure.
//
//   root/changes/<group>                  set by every commit that writes in the group; its children name the leased keys
//   root/created/<group>                  set by every commit that creates a key in the group
//   root/keys/<group>/<bucket>/<rest>     a key with its value
//
// A key belongs to the group of its first segment: "/topics/AbC" to "/topics/", "/cluster" to "". The rest is what follows
// the group. Key nodes are leaves, so a key may be the beginning of others and any key may be ephemeral.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::coordination::zookeeper {

// The group of a key; a view into it.
std::string_view group_of(std::string_view key);
// The group in which all keys that begin with `prefix` stand; empty when they may stand in several.
std::optional<std::string_view> group_of_prefix(std::string_view prefix);
// Whether a key of `group` may begin with `prefix`.
bool group_may_hold(std::string_view group, std::string_view prefix);

// Any bytes as the name of a node: '/' as '+', letters, digits, '_' and '-' (and '.' but in front) as they are, the rest as
// %XX; nothing as "@".
std::string encode_name(std::string_view text);
// Empty when the name is not one that encode_name gives.
std::optional<std::string> decode_name(std::string_view name);

class KeyLayout {
 public:
  explicit KeyLayout(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string all_changes() const { return root_ + "/changes"; }
  std::string changes(std::string_view group) const { return all_changes() + "/" + encode_name(group); }
  std::string created(std::string_view group) const { return root_ + "/created/" + encode_name(group); }
  std::string keys(std::string_view group) const { return root_ + "/keys/" + encode_name(group); }
  // The parent of the key's node: the bucket of the key's second segment.
  std::string bucket(std::string_view key) const;
  // The bucket in which all keys with this prefix stand; empty when they may stand in several.
  std::optional<std::string> bucket_of_prefix(std::string_view prefix) const;
  std::string key(std::string_view key) const;
  // Stands beside a leased key, for those who watch its group.
  std::string lease_marker(std::string_view key) const;

  // The nodes that must be there before a key of the group can be written, parents first.
  std::vector<std::string> parents_of_group(std::string_view group) const;

 private:
  std::string root_;
};

}  // namespace godwit::coordination::zookeeper
