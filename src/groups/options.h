// What an operator may set about consumer groups. Names in comments are Kafka's settings.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace godwit::groups {

struct GroupOptions {
  // How long the first rebalance of an empty group waits for more members, again and again while members
  // arrive, up to their rebalance timeout. (group.initial.rebalance.delay.ms)
  Duration initial_rebalance_delay = std::chrono::seconds(3);
  // Bounds of the session timeout that a member may ask for. (group.min/max.session.timeout.ms)
  Duration session_timeout_min = std::chrono::seconds(6);
  Duration session_timeout_max = std::chrono::minutes(30);
  // A member whose id nobody may know yet is forgotten when its Join was parked this long: its client may be
  // gone.
  Duration new_member_join_timeout = std::chrono::minutes(5);
  // Members of one group, ids handed out but not yet used included. (group.max.size; Kafka's default has no
  // bound)
  int32_t group_size_max = 10'000;
  // Bytes of the text that a client may keep with an offset. (offset.metadata.max.bytes)
  int32_t offset_metadata_bytes_max = 4096;
  // How long offsets of an empty group are kept. Without a value: as long as their topic exists.
  // (offsets.retention.minutes; Kafka's default is 7 days)
  std::optional<Duration> offsets_retention;
  // How often expired offsets, and empty groups that hold none, are looked for.
  // (offsets.retention.check.interval.ms)
  Duration offsets_retention_check_interval = std::chrono::minutes(10);
  // Who waits longer than this for the commit of a record is told COORDINATOR_NOT_AVAILABLE; what becomes of
  // the record is still awaited. (offsets.commit.timeout.ms)
  Duration write_timeout = std::chrono::seconds(5);
  // A tick later than this after its deadline means that the process stood still: session deadlines move on
  // by the lost time, since heartbeats may wait in the sockets.
  Duration tick_lateness_max = std::chrono::seconds(1);
  // Ids handed out but not yet used, and bytes of records not yet committed, over all groups of the
  // partition. Above either bound requests that would add to it get COORDINATOR_NOT_AVAILABLE.
  size_t pending_members_max = 100'000;
  size_t in_flight_bytes_max = size_t{32} << 20;
};

}  // namespace godwit::groups
