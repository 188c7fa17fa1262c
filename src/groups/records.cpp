#include "groups/records.h"

#include "base/check.h"
#include "base/endian.h"
#include "codec/define.h"

namespace godwit::groups {
namespace {

using codec::since;
using codec::versions;

// The types of keys; the first two share a form.
constexpr int16_t kOffsetKeyOld = 0;
constexpr int16_t kOffsetKey = 1;
constexpr int16_t kGroupKey = 2;

// What is written. Value v1 of an offset alone can say when it expires (KIP-211), v4 alone which topic id it
// was.
constexpr int16_t kOffsetValue = 4;
constexpr int16_t kOffsetValueWithExpiry = 1;
constexpr int16_t kGroupValue = 3;

struct OffsetKey {
  std::string group;
  std::string topic;
  int32_t partition = 0;

  static constexpr codec::Format kFormat{.name = "OffsetCommitKey", .versions = {kOffsetKeyOld, kOffsetKey}};
  static void fields(auto& f) {
    f("group", &OffsetKey::group, since(0));
    f("topic", &OffsetKey::topic, since(0));
    f("partition", &OffsetKey::partition, since(0));
  }
};

struct OffsetValue {
  int64_t offset = 0;
  int32_t leader_epoch = -1;
  std::string metadata;
  int64_t commit_timestamp = 0;
  int64_t expire_timestamp = -1;
  TopicId topic_id;

  static constexpr codec::Format kFormat{
      .name = "OffsetCommitValue", .versions = {0, 4}, .flexible_since = 4};
  static void fields(auto& f) {
    f("offset", &OffsetValue::offset, since(0));
    f("leaderEpoch", &OffsetValue::leader_epoch, since(3).ignorable());
    f("metadata", &OffsetValue::metadata, since(0));
    f("commitTimestamp", &OffsetValue::commit_timestamp, since(0));
    f("expireTimestamp", &OffsetValue::expire_timestamp, versions(1, 1).ignorable());
    f("topicId", &OffsetValue::topic_id, since(4).tagged(0).ignorable());
  }
};

struct GroupKey {
  std::string group;

  static constexpr codec::Format kFormat{.name = "GroupMetadataKey", .versions = {kGroupKey, kGroupKey}};
  static void fields(auto& f) { f("group", &GroupKey::group, since(0)); }
};

struct MemberValue {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string client_id;
  std::string client_host;
  int32_t rebalance_timeout = -1;
  int32_t session_timeout = 0;
  Bytes subscription;
  Bytes assignment;

  static void fields(auto& f) {
    f("memberId", &MemberValue::member_id, since(0));
    f("groupInstanceId", &MemberValue::group_instance_id, since(3).ignorable());
    f("clientId", &MemberValue::client_id, since(0));
    f("clientHost", &MemberValue::client_host, since(0));
    f("rebalanceTimeout", &MemberValue::rebalance_timeout, since(1).ignorable());
    f("sessionTimeout", &MemberValue::session_timeout, since(0));
    f("subscription", &MemberValue::subscription, since(0));
    f("assignment", &MemberValue::assignment, since(0));
  }
  friend bool operator==(const MemberValue&, const MemberValue&) = default;
};

struct GroupValue {
  std::string protocol_type;
  int32_t generation = 0;
  std::optional<std::string> protocol;
  std::optional<std::string> leader;
  int64_t current_state_timestamp = -1;
  std::vector<MemberValue> members;

  static constexpr codec::Format kFormat{
      .name = "GroupMetadataValue", .versions = {0, 4}, .flexible_since = 4};
  static void fields(auto& f) {
    f("protocolType", &GroupValue::protocol_type, since(0));
    f("generation", &GroupValue::generation, since(0));
    f("protocol", &GroupValue::protocol, since(0));
    f("leader", &GroupValue::leader, since(0));
    f("currentStateTimestamp", &GroupValue::current_state_timestamp, since(2).ignorable());
    f("members", &GroupValue::members, since(0));
  }
};

// What is encoded came in through the protocol, whose strings have the same bound.
template <class T>
Bytes encoded(const T& value, int16_t version) {
  auto bytes = codec::encode_versioned(value, version);
  GW_CHECK(bytes, "a record made from decoded requests can be encoded");
  return std::move(*bytes);
}

struct Encode {
  EncodedRecord operator()(const OffsetCommitted& r) const {
    OffsetValue value;
    value.offset = r.offset.value();
    value.leader_epoch = r.leader_epoch.value();
    value.metadata = r.metadata;
    value.commit_timestamp = r.committed_at.ms;
    value.topic_id = r.topic_id;
    if (r.expires_at) value.expire_timestamp = r.expires_at->ms;
    return {key(r), encoded(value, r.expires_at ? kOffsetValueWithExpiry : kOffsetValue), {}};
  }
  EncodedRecord operator()(const OffsetForgotten& r) const { return {key(r), std::nullopt, {}}; }
  EncodedRecord operator()(const GenerationMade& r) const {
    GroupValue value;
    value.protocol_type = r.protocol_type;
    value.generation = r.generation;
    value.protocol = r.protocol;
    value.leader = r.leader;
    if (r.state_since) value.current_state_timestamp = r.state_since->ms;
    for (const auto& m : r.members) {
      value.members.push_back({m.member, m.instance, m.client_id, m.client_host, m.rebalance_timeout_ms,
                               m.session_timeout_ms, to_bytes(m.subscription.view()),
                               to_bytes(m.assignment.view())});
    }
    return {encoded(GroupKey{r.group}, kGroupKey), encoded(value, kGroupValue), {}};
  }
  EncodedRecord operator()(const GroupForgotten& r) const {
    return {encoded(GroupKey{r.group}, kGroupKey), std::nullopt, {}};
  }

 private:
  static Bytes key(const auto& r) {
    return encoded(OffsetKey{r.group, r.topic, r.partition.value()}, kOffsetKey);
  }
};

Result<Record> decode_offset(BytesView key_bytes, std::optional<BytesView> value_bytes) {
  auto key = codec::decode_versioned<OffsetKey>(SharedBytes(nullptr, key_bytes));
  if (!key) return fail(std::move(key).error());
  const PartitionIndex partition(key->partition);
  if (!value_bytes) return OffsetForgotten{std::move(key->group), std::move(key->topic), partition};
  auto value = codec::decode_versioned<OffsetValue>(SharedBytes(nullptr, *value_bytes));
  if (!value) return fail(std::move(value).error());
  OffsetCommitted record;
  record.group = std::move(key->group);
  record.topic = std::move(key->topic);
  record.partition = partition;
  record.offset = Offset(value->offset);
  record.leader_epoch = LeaderEpoch(value->leader_epoch);
  record.metadata = std::move(value->metadata);
  record.committed_at = {value->commit_timestamp};
  if (value->expire_timestamp != -1) record.expires_at = WallTime{value->expire_timestamp};
  record.topic_id = value->topic_id;
  return record;
}

Result<Record> decode_group(BytesView key_bytes, std::optional<BytesView> value_bytes) {
  auto key = codec::decode_versioned<GroupKey>(SharedBytes(nullptr, key_bytes));
  if (!key) return fail(std::move(key).error());
  if (!value_bytes) return GroupForgotten{std::move(key->group)};
  auto value = codec::decode_versioned<GroupValue>(SharedBytes(nullptr, *value_bytes));
  if (!value) return fail(std::move(value).error());
  GenerationMade record;
  record.group = std::move(key->group);
  record.protocol_type = std::move(value->protocol_type);
  record.generation = value->generation;
  record.protocol = std::move(value->protocol);
  record.leader = std::move(value->leader);
  if (value->current_state_timestamp != -1) record.state_since = WallTime{value->current_state_timestamp};
  for (auto& m : value->members) {
    record.members.push_back({std::move(m.member_id), std::move(m.group_instance_id), std::move(m.client_id),
                              std::move(m.client_host), m.rebalance_timeout, m.session_timeout,
                              SharedBytes::own(std::move(m.subscription)),
                              SharedBytes::own(std::move(m.assignment))});
  }
  return record;
}

}  // namespace

EncodedRecord encode(const Record& record, WallTime now) {
  EncodedRecord made = std::visit(Encode{}, record);
  made.timestamp = now;
  return made;
}

Result<Record> decode(BytesView key, std::optional<BytesView> value) {
  if (key.size() < sizeof(int16_t))
    return fail(ErrorKind::corrupt, "a key of __consumer_offsets has no type");
  switch (load_big<int16_t>(key.data())) {
    case kOffsetKeyOld:
    case kOffsetKey:
      return decode_offset(key, value);
    case kGroupKey:
      return decode_group(key, value);
    default:
      return fail(ErrorKind::unsupported, "a key of __consumer_offsets has an unknown type");
  }
}

}  // namespace godwit::groups
