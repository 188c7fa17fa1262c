// The records of __consumer_offsets, in Kafka's own schemas, so that tools for Kafka read them.
//
// A key is a 16-bit type, then its fields. Types 0 and 1 say what a group has committed for a partition (0 is
// the form of before Kafka 0.9, the same fields), type 2 is a group with its members. Others belong to
// protocols that this broker does not speak: they stay in the topic, and are passed over when it is loaded. A
// value is a 16-bit version, then its fields; an empty (null) value is a tombstone: what the key names is
// gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "model/topic.h"

namespace godwit::groups {

// A group has committed an offset.
struct OffsetCommitted {
  std::string group;
  std::string topic;
  PartitionIndex partition;
  Offset offset;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  std::string metadata;
  WallTime committed_at;
  std::optional<WallTime> expires_at;  // only where the client gave a retention time (OffsetCommit v2-4)
  TopicId topic_id;                    // zero where not known
  friend bool operator==(const OffsetCommitted&, const OffsetCommitted&) = default;
};

// What a group had committed for a partition is gone.
struct OffsetForgotten {
  std::string group;
  std::string topic;
  PartitionIndex partition;
  friend bool operator==(const OffsetForgotten&, const OffsetForgotten&) = default;
};

// A generation of a group. With members and no assignment at all: the generation was made, its leader has not
// handed in the assignment.
struct GenerationMade {
  struct Member {
    std::string member;
    std::optional<std::string> instance;
    std::string client_id;
    std::string client_host;
    int32_t rebalance_timeout_ms = -1;  // -1 in the oldest records: the session timeout
    int32_t session_timeout_ms = 0;
    SharedBytes subscription;  // the metadata of the chosen protocol
    SharedBytes assignment;
    friend bool operator==(const Member&, const Member&) = default;
  };
  std::string group;
  std::string protocol_type;
  int32_t generation = 0;
  std::optional<std::string> protocol;  // without a value where there are no members
  std::optional<std::string> leader;
  std::optional<WallTime> state_since;
  std::vector<Member> members;
  friend bool operator==(const GenerationMade&, const GenerationMade&) = default;
};

// The group is gone.
struct GroupForgotten {
  std::string group;
  friend bool operator==(const GroupForgotten&, const GroupForgotten&) = default;
};

using Record = std::variant<OffsetCommitted, OffsetForgotten, GenerationMade, GroupForgotten>;

// A record as it stands in the log.
struct EncodedRecord {
  Bytes key;
  std::optional<Bytes> value;  // without a value: a tombstone
  WallTime timestamp;
};

// As Kafka 4.3 writes them: OffsetCommitValue v4 (v1 where the offset expires), GroupMetadataValue v3.
EncodedRecord encode(const Record& record, WallTime now);

// Reads what encode() or any Kafka since 0.9 wrote. Errors: `unsupported` where the type of the key or the
// version of the value is not known (pass over the record), `corrupt` where the bytes do not follow their
// schema.
Result<Record> decode(BytesView key, std::optional<BytesView> value);

}  // namespace godwit::groups
