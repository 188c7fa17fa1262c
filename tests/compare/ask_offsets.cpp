// ListOffsets, OffsetForLeaderEpoch, DeleteRecords.
#include "batches.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/offset_for_leader_epoch.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;

using List = kafka::ListOffsetsRequest;

List at(const std::string& topic, int64_t timestamp, int32_t partition = 0, int32_t epoch = -1,
        int8_t isolation = 0) {
  List list{.replica_id = kNoBroker, .isolation_level = isolation, .timeout_ms = 5'000};
  list.topics.push_back({topic, {{PartitionIndex(partition), LeaderEpoch(epoch), timestamp}}});
  return list;
}

void ask_list_offsets(Script& s, int16_t v) {
  const std::string empty = s.create("empty");
  const std::string orders = s.create("orders");
  for (int i = 0; i < 3; ++i) {
    const int64_t t = kT0 + i * 1000;
    append(s, orders,
           batch_with({{.timestamp_ms = t, .value = as_bytes("a")},
                       {.timestamp_ms = t + 700, .value = as_bytes("b")},
                       {.timestamp_ms = t + 300, .value = as_bytes("c")}},
                      {.compression = {i == 1 ? CompressionType::gzip : CompressionType::none}}));
  }
  const std::pair<const char*, int64_t> special[] = {
      {"latest", -1},           {"earliest", -2},      {"of the largest timestamp", -3},
      {"earliest local", -4},   {"latest tiered", -5}, {"earliest not yet tiered", -6},
      {"a timestamp of -7", -7}};
  for (const auto& [what, timestamp] : special) {
    s.ask(what, v, at(orders, timestamp));
    s.ask(std::string(what) + ", an empty log", v, at(empty, timestamp));
    s.ask(std::string(what) + ", read committed", v, at(orders, timestamp, 0, -1, 1));
  }
  for (const int64_t delta :
       {int64_t{-1'000'000}, int64_t{0}, int64_t{1}, int64_t{500}, int64_t{700}, int64_t{701}, int64_t{1000},
        int64_t{1400}, int64_t{2699}, int64_t{2700}, int64_t{2701}}) {
    s.ask("by time, T0 + " + std::to_string(delta), v, at(orders, kT0 + delta));
  }
  s.ask("by time 0", v, at(orders, 0));
  s.ask("by time, an empty log", v, at(empty, kT0));
  s.ask("unknown partition", v, at(orders, -1, 9));
  s.ask("negative partition", v, at(orders, -1, -1));
  s.ask("unknown topic", v, at(s.name("nowhere"), -1));
  s.ask("illegal topic name", v, at("a b", -1));
  s.ask("an isolation level that is none", v, at(orders, -1, 0, -1, 9));
  s.ask("nothing", v, List{.replica_id = kNoBroker});
  List twice = at(orders, -1);
  twice.topics[0].partitions.push_back({PartitionIndex(0), kNoLeaderEpoch, -2});
  s.ask("one partition twice", v, twice);
  List both = at(orders, -1);
  both.topics.push_back(at(s.name("nowhere"), -1).topics[0]);
  s.ask("one known topic, one unknown", v, both);
  List debug = at(orders, -1);
  debug.replica_id = BrokerId(-2);
  s.ask("as a debugging consumer", v, debug);
  if (v >= 4) {
    s.ask("the current leader epoch", v, at(orders, -1, 0, 0));
    s.ask("a newer leader epoch", v, at(orders, -1, 0, 7));
    s.ask("a newer leader epoch, by time", v, at(orders, kT0, 0, 7));
  }
  s.quietly(2, kafka::DeleteRecordsRequest{.topics = {{orders, {{PartitionIndex(0), Offset(4)}}}},
                                           .timeout_ms = 5'000});
  s.ask("earliest, after records were deleted", v, at(orders, -2));
  s.ask("by time before the start of the log", v, at(orders, kT0));
  s.quietly(2, kafka::DeleteRecordsRequest{.topics = {{orders, {{PartitionIndex(0), Offset(-1)}}}},
                                           .timeout_ms = 5'000});
  s.ask("of the largest timestamp, after all records were deleted", v, at(orders, -3));
  s.ask("by time, after all records were deleted", v, at(orders, kT0));
}

void ask_offset_for_leader_epoch(Script& s, int16_t v) {
  using Request = kafka::OffsetForLeaderEpochRequest;
  const std::string orders = s.create("orders");
  append(s, orders, batch_of(3));
  const auto epoch = [&](const std::string& topic, int32_t of, int32_t current = -1, int32_t partition = 0) {
    Request request{.replica_id = kNoBroker};
    request.topics.push_back({topic, {{PartitionIndex(partition), LeaderEpoch(current), LeaderEpoch(of)}}});
    return request;
  };
  s.ask("the current epoch", v, epoch(orders, 0));
  s.ask("the current epoch, fenced right", v, epoch(orders, 0, 0));
  s.ask("a newer current epoch", v, epoch(orders, 0, 5));
  s.ask("an epoch to come", v, epoch(orders, 5));
  s.ask("an epoch of -1", v, epoch(orders, -1));
  s.ask("unknown partition", v, epoch(orders, 0, -1, 9));
  s.ask("unknown topic", v, epoch(s.name("nowhere"), 0));
  s.ask("nothing", v, Request{});
  s.ask("an empty log", v, epoch(s.create("empty"), 0));
}

void ask_delete_records(Script& s, int16_t v) {
  using Request = kafka::DeleteRecordsRequest;
  const auto before = [](const std::string& topic, int64_t offset, int32_t partition = 0) {
    return Request{.topics = {{topic, {{PartitionIndex(partition), Offset(offset)}}}}, .timeout_ms = 5'000};
  };
  const std::string orders = s.create("orders");
  for (int i = 0; i < 3; ++i) append(s, orders, batch_of(3));
  s.ask("before 0", v, before(orders, 0));
  s.ask("before 4", v, before(orders, 4));
  s.ask("before 2, which has gone", v, before(orders, 2));
  s.ask("beyond the end", v, before(orders, 10));
  s.ask("before -2", v, before(orders, -2));
  s.ask("all", v, before(orders, -1));
  s.ask("all again", v, before(orders, -1));
  s.ask("before the end", v, before(orders, 9));
  s.ask("unknown partition", v, before(orders, 0, 9));
  s.ask("unknown topic", v, before(s.name("nowhere"), 0));
  s.ask("nothing", v, Request{.timeout_ms = 5'000});
  const std::string compact = s.create("compact", {.configs = {{"cleanup.policy", "compact"}}});
  append(s, compact, batch_of(3));
  s.ask("of a compacted topic", v, before(compact, 2));
  const std::string both = s.create("both", {.configs = {{"cleanup.policy", "compact,delete"}}});
  append(s, both, batch_of(3));
  s.ask("of a compacted and deleted topic", v, before(both, 2));
  s.ask("latest afterwards, by v" + std::to_string(v), 10, at(orders, -1));
}

}  // namespace

void ask_offsets(Script& s) {
  s.each_version(ApiKey::list_offsets, [&](int16_t v) { ask_list_offsets(s, v); });
  s.each_version(ApiKey::offset_for_leader_epoch, [&](int16_t v) { ask_offset_for_leader_epoch(s, v); });
  s.each_version(ApiKey::delete_records, [&](int16_t v) { ask_delete_records(s, v); });
}

}  // namespace godwit::compare
