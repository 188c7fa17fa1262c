// Fetch.
#include "batches.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/fetch.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;
using Fetch = kafka::FetchRequest;

// A topic with batches of 1, 2, 3, … records in partition 0, and what is asked about it.
class Reader {
 public:
  Reader(Script& s, int16_t version, const std::string& stem, int batches, int32_t partitions = 1)
      : s_(s), version_(version), topic_(s.create(stem, {.partitions = partitions})), id_(s.id_of(topic_)) {
    for (int i = 1; i <= batches; ++i) put(batch_of(i));
  }
  void put(Bytes records, int32_t partition = 0) { append(s_, topic_, std::move(records), partition); }
  Fetch::Partition part(int64_t offset, int32_t partition = 0, int32_t bytes_max = 1 << 20) const {
    return {.partition = PartitionIndex(partition),
            .fetch_offset = Offset(offset),
            .partition_max_bytes = bytes_max};
  }
  Fetch of(std::vector<Fetch::Partition> partitions) const {
    Fetch fetch{.max_wait_ms = 0};
    fetch.topics.push_back({.topic = topic_, .topic_id = id_, .partitions = std::move(partitions)});
    return fetch;
  }
  Fetch from(int64_t offset) const { return of({part(offset)}); }
  auto ask(std::string_view what, const Fetch& fetch) { return s_.ask(what, version_, fetch); }
  const std::string& topic() const { return topic_; }
  TopicId id() const { return id_; }

 private:
  Script& s_;
  int16_t version_;
  std::string topic_;
  TopicId id_;
};

template <class T>
T but(T value, const std::function<void(T&)>& change) {
  change(value);
  return value;
}

void ask_offsets_and_limits(Script& s, int16_t v) {
  Reader orders(s, v, "orders", 4, 2);
  orders.ask("from the start", orders.from(0));
  orders.ask("from inside a batch", orders.from(4));
  orders.ask("from the end", orders.from(10));
  orders.ask("beyond the end", orders.from(11));
  orders.ask("a negative offset", orders.from(-1));
  orders.ask("an empty partition", orders.of({orders.part(0, 1)}));
  orders.ask("an empty partition beyond its end", orders.of({orders.part(1, 1)}));
  orders.ask("two partitions", orders.of({orders.part(0), orders.part(0, 1)}));
  orders.ask("one partition twice", orders.of({orders.part(0), orders.part(6)}));
  orders.ask("unknown partition", orders.of({orders.part(0, 9)}));
  orders.ask("known and unknown partition", orders.of({orders.part(6), orders.part(0, 9)}));
  orders.ask("no partition", orders.of({}));
  orders.ask("no topic", Fetch{.max_wait_ms = 0});
  auto unknown = orders.from(0);
  unknown.topics[0].topic = s.name("nowhere");
  unknown.topics[0].topic_id = *Uuid::parse("abcdefghijklmnopqrstuA");
  orders.ask("unknown topic", unknown);
  auto none = unknown;
  none.topics[0].topic = "";
  none.topics[0].topic_id = {};
  orders.ask("neither name nor id", none);
  auto both = orders.from(6);
  both.topics.push_back(unknown.topics[0]);
  orders.ask("one known topic, one unknown", both);
  orders.ask("partition_max_bytes 1", orders.of({orders.part(0, 0, 1)}));
  orders.ask("partition_max_bytes 0", orders.of({orders.part(0, 0, 0)}));
  orders.ask("partition_max_bytes negative", orders.of({orders.part(0, 0, -1)}));
  orders.ask("partition_max_bytes for a batch and a half", orders.of({orders.part(0, 0, 120)}));
  orders.ask("partition_max_bytes for two batches and a bit", orders.of({orders.part(0, 0, 180)}));
  const auto max = [&](int32_t bytes) {
    return but<Fetch>(orders.from(0), [&](Fetch& f) { f.max_bytes = bytes; });
  };
  orders.ask("max_bytes 1", max(1));
  orders.ask("max_bytes 0", max(0));
  orders.ask("max_bytes negative", max(-1));
  orders.ask("max_bytes for two batches and a bit", max(180));
  orders.put(batch_of(2), 1);
  auto two = orders.of({orders.part(0), orders.part(0, 1)});
  two.max_bytes = 1;
  orders.ask("max_bytes 1, two partitions with records", two);
  two.max_bytes = 1 << 20;
  two.topics[0].partitions[0].partition_max_bytes = 1;
  two.topics[0].partitions[1].partition_max_bytes = 1;
  orders.ask("partition_max_bytes 1, two partitions with records", two);
  two.topics[0].partitions[0].fetch_offset = Offset(10);
  orders.ask("partition_max_bytes 1, the first partition at its end", two);
  orders.ask("min_bytes more than there is, no wait",
             but<Fetch>(orders.from(0), [](Fetch& f) { f.min_bytes = 1 << 20; }));
  orders.ask("min_bytes more than there is, a short wait",
             but<Fetch>(orders.from(0), [](Fetch& f) { f.min_bytes = 1 << 20, f.max_wait_ms = 30; }));
  orders.ask("min_bytes 1 at the end, a short wait",
             but<Fetch>(orders.from(10), [](Fetch& f) { f.min_bytes = 1, f.max_wait_ms = 30; }));
  orders.ask("a long wait with an error at hand",
             but<Fetch>(orders.from(99), [](Fetch& f) { f.min_bytes = 1, f.max_wait_ms = 8'000; }));
  orders.ask("negative waits",
             but<Fetch>(orders.from(0), [](Fetch& f) { f.min_bytes = -1, f.max_wait_ms = -1; }));
  orders.ask("read committed", but<Fetch>(orders.from(0), [](Fetch& f) { f.isolation_level = 1; }));
  orders.ask("read committed at the end",
             but<Fetch>(orders.from(10), [](Fetch& f) { f.isolation_level = 1; }));
  orders.ask("an isolation level that is none",
             but<Fetch>(orders.from(0), [](Fetch& f) { f.isolation_level = 9; }));
  s.quietly(2, kafka::DeleteRecordsRequest{.topics = {{orders.topic(), {{PartitionIndex(0), Offset(4)}}}},
                                           .timeout_ms = 5'000});
  orders.ask("before the start of the log", orders.from(2));
  orders.ask("at the start of the log, inside a batch", orders.from(4));
}

void ask_waiting(Script& s, int16_t v) {
  Reader orders(s, v, "orders", 1);
  auto waiting =
      s.send_ahead(v, but<Fetch>(orders.from(1), [](Fetch& f) { f.min_bytes = 1, f.max_wait_ms = 20'000; }));
  orders.put(batch_of(2));
  if (waiting) s.take("woken by records", *waiting);
}

void ask_epochs(Script& s, int16_t v) {
  if (v < 9) return;
  Reader orders(s, v, "orders", 3);
  const auto epoch = [&](int32_t current, int32_t last = -1, int64_t offset = 0) {
    return but<Fetch>(orders.from(offset), [&](Fetch& f) {
      f.topics[0].partitions[0].current_leader_epoch = LeaderEpoch(current);
      f.topics[0].partitions[0].last_fetched_epoch = LeaderEpoch(last);
    });
  };
  orders.ask("the current leader epoch", epoch(0));
  orders.ask("a newer leader epoch", epoch(7));
  orders.ask("a leader epoch below -1", epoch(-2));
  if (v < 12) return;
  orders.ask("last fetched epoch as it is", epoch(0, 0, 3));
  orders.ask("last fetched epoch at the end", epoch(0, 0, 6));
  orders.ask("last fetched epoch, offset beyond the end", epoch(0, 0, 60));
  orders.ask("last fetched epoch newer", epoch(0, 5, 3));
}

void ask_sessions(Script& s, int16_t v) {
  if (v < 7) return;
  Reader orders(s, v, "orders", 2, 3);
  orders.put(batch_of(1), 1);
  const auto with = [](Fetch fetch, int32_t id, int32_t epoch) {
    fetch.session_id = id;
    fetch.session_epoch = epoch;
    return fetch;
  };
  const Fetch nothing{.max_wait_ms = 0};
  orders.ask("session: an id that is none", with(orders.from(0), 123'456, 1));
  orders.ask("session: an id that is none, to be closed", with(nothing, 123'456, -1));
  orders.ask("session: epoch 5 without an id", with(orders.from(0), 0, 5));
  orders.ask("session: opened with nothing in it", with(nothing, 0, 0));
  const auto opened = orders.ask(
      "session: opened", with(orders.of({orders.part(0), orders.part(0, 1), orders.part(0, 2)}), 0, 0));
  if (!opened) return;
  const int32_t id = opened->session_id;
  orders.ask("session: no news asked for, all again from the same offsets", with(nothing, id, 1));
  orders.ask("session: forward to the ends", with(orders.of({orders.part(3), orders.part(1, 1)}), id, 2));
  orders.ask("session: nothing new", with(nothing, id, 3));
  orders.put(batch_of(1), 2);
  orders.ask("session: records in one", with(nothing, id, 4));
  orders.ask("session: wrong epoch", with(nothing, id, 17));
  orders.ask("session: an unknown partition is added", with(orders.of({orders.part(0, 9)}), id, 5));
  Fetch forget = with(nothing, id, 6);
  forget.forgotten_topics_data.push_back({.topic = orders.topic(),
                                          .topic_id = orders.id(),
                                          .partitions = {PartitionIndex(9), PartitionIndex(2)}});
  orders.ask("session: forgetting two", forget);
  orders.put(batch_of(1), 2);
  orders.put(batch_of(1), 1);
  orders.ask("session: records in one and in a forgotten one", with(nothing, id, 7));
  Fetch unknown = with(orders.from(0), id, 8);
  unknown.topics[0].topic = s.name("nowhere");
  unknown.topics[0].topic_id = *Uuid::parse("abcdefghijklmnopqrstuA");
  orders.ask("session: an unknown topic is added", unknown);
  orders.ask("session: with an unknown topic, again", with(nothing, id, 9));
  orders.ask("session: closed, a full request", with(orders.from(3), id, -1));
  orders.ask("session: after it was closed", with(nothing, id, 10));
  const auto again = orders.ask("session: opened anew", with(orders.from(3), 0, 0));
  if (again) orders.ask("session: replaced by another", with(orders.from(3), again->session_id, 0));
}

void ask_old_codec(Script& s, int16_t v) {
  Reader orders(s, v, "orders", 0);
  orders.put(batch_of(2, {.compression = {CompressionType::zstd}}));
  orders.ask("zstd", orders.from(0));
}

}  // namespace

void ask_fetch(Script& s) {
  s.each_version(ApiKey::fetch, [&](int16_t v) {
    ask_offsets_and_limits(s, v);
    ask_waiting(s, v);
    ask_epochs(s, v);
    ask_sessions(s, v);
    ask_old_codec(s, v);
  });
}

}  // namespace godwit::compare
