// Produce and InitProducerId.
#include "batches.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/produce.h"

namespace godwit::compare {
namespace {

using kafka::ApiKey;
using Produce = kafka::ProduceRequest;

// Produces to one topic; each answer is kept.
class Writer {
 public:
  Writer(Script& s, int16_t version, const std::string& stem, const TopicSpec& spec = {})
      : s_(s), version_(version), topic_(s.create(stem, spec)), id_(s.id_of(topic_)) {}

  Produce request(std::optional<Bytes> records, int16_t acks = -1, int32_t partition = 0) const {
    Produce request{.acks = acks, .timeout_ms = 5'000};
    auto& topic = request.topic_data.emplace_back();
    topic.name = topic_;
    topic.topic_id = id_;
    topic.partition_data.push_back({PartitionIndex(partition), {}});
    if (records) topic.partition_data[0].records = SharedBytes::own(std::move(*records));
    return request;
  }
  void put(std::string_view what, std::optional<Bytes> records, int16_t acks = -1, int32_t partition = 0) {
    s_.ask(what, version_, request(std::move(records), acks, partition));
  }
  void put_quietly(Bytes records) { append(s_, topic_, std::move(records)); }
  // What is in the log now.
  void look(std::string_view what, int32_t partitions = 1) {
    kafka::FetchRequest fetch{.max_wait_ms = 0};
    fetch.topics.push_back({.topic = topic_});
    for (int32_t i = 0; i < partitions; ++i) {
      fetch.topics[0].partitions.push_back({.partition = PartitionIndex(i), .partition_max_bytes = 1 << 20});
    }
    s_.ask(std::string(what) + ", by Produce v" + std::to_string(version_), 12, fetch);
  }
  const std::string& topic() const { return topic_; }

 private:
  Script& s_;
  int16_t version_;
  std::string topic_;
  TopicId id_;
};

void ask_good(Script& s, int16_t v) {
  Writer orders(s, v, "orders");
  orders.put("one record", batch_of(1));
  orders.put("three records", batch_of(3));
  orders.put("acks 1", batch_of(2), 1);
  s.tell("acks 0", v, orders.request(batch_of(1), 0));
  orders.put("after acks 0", batch_of(1));
  for (const auto type :
       {CompressionType::gzip, CompressionType::snappy, CompressionType::lz4, CompressionType::zstd}) {
    orders.put(std::string(to_string(type)), batch_of(3, {.compression = {type}}));
  }
  orders.put("base offset not zero",
             changed(batch_of(2), [](BatchHeader& h) { h.base_offset = Offset(42); }));
  orders.put("leader epoch set",
             changed(batch_of(2), [](BatchHeader& h) { h.leader_epoch = LeaderEpoch(42); }));
  const RecordHeader headers[] = {{"h", as_bytes("1")}, {"h", std::nullopt}, {"", as_bytes("")}};
  orders.put("nulls, empties and headers",
             batch_with({{.timestamp_ms = kT0},
                         {.timestamp_ms = kT0, .key = as_bytes(""), .value = as_bytes("")},
                         {.timestamp_ms = kT0, .value = as_bytes("v"), .headers = headers}}));
  orders.put("no timestamps", batch_with({{.value = as_bytes("v")}, {.value = as_bytes("w")}}));
  orders.put("timestamps that fall", batch_with({{.timestamp_ms = kT0 + 5, .value = as_bytes("v")},
                                                 {.timestamp_ms = kT0, .value = as_bytes("w")}}));
  orders.look("what was produced");
}

void ask_acks(Script& s, int16_t v) {
  Writer orders(s, v, "orders");
  orders.put("acks 7", batch_of(1), 7);
  orders.put("acks -2", batch_of(1), -2);
  Writer strict(s, v, "strict", {.configs = {{"min.insync.replicas", "2"}}});
  strict.put("min.insync.replicas not reached, acks all", batch_of(1), -1);
  strict.put("min.insync.replicas not reached, acks 1", batch_of(1), 1);
  // Its connection is closed, so that the client notices.
  s.tell("acks 0 with a bad batch", v, orders.request(with_byte(batch_of(1), 17, 1), 0));
}

void ask_places(Script& s, int16_t v) {
  Writer orders(s, v, "orders");
  orders.put("unknown partition", batch_of(1), -1, 5);
  orders.put("negative partition", batch_of(1), -1, -1);
  auto unknown = orders.request(batch_of(1));
  unknown.topic_data[0].name = s.name("nowhere");
  unknown.topic_data[0].topic_id = *Uuid::parse("abcdefghijklmnopqrstuA");
  s.ask("unknown topic", v, unknown);
  auto none = unknown;
  none.topic_data[0].name = "";
  none.topic_data[0].topic_id = {};
  s.ask("neither name nor id", v, none);
  if (v < 13) {
    auto illegal = unknown;
    illegal.topic_data[0].name = "a b";
    s.ask("illegal topic name", v, illegal);
  }
  auto both = orders.request(batch_of(1));
  both.topic_data.push_back(unknown.topic_data[0]);
  s.ask("one known topic, one unknown", v, both);
  auto two = orders.request(batch_of(1));
  two.topic_data[0].partition_data.push_back({PartitionIndex(7), SharedBytes::own(batch_of(1))});
  s.ask("one known partition, one unknown", v, two);
  s.ask("nothing", v, Produce{.acks = -1, .timeout_ms = 5'000});
  auto empty = orders.request(batch_of(1));
  empty.topic_data[0].partition_data.clear();
  s.ask("no partition of a topic", v, empty);
}

void ask_bad_batches(Script& s, int16_t v) {
  // A partition each, so that one that is accepted does not move the others.
  constexpr int32_t kPartitions = 50;
  Writer all(s, v, "orders", {.partitions = kPartitions});
  struct {
    Writer& all;
    int32_t next = 0;
    void put(std::string_view what, std::optional<Bytes> records) {
      all.put(what, std::move(records), -1, next++);
    }
  } orders{all};
  const Bytes good = batch_of(3);
  orders.put("null records", std::nullopt);
  orders.put("empty records", Bytes{});
  orders.put("one byte", Bytes(1));
  orders.put("a batch cut short", Bytes(good.begin(), good.end() - 1));
  orders.put("half a header", Bytes(good.begin(), good.begin() + 40));
  orders.put("bytes after the batch", joined(good, Bytes(5, std::byte{1})));
  orders.put("half a batch after the batch", joined(good, Bytes(good.begin(), good.begin() + 65)));
  orders.put("two batches", joined(good, good));
  orders.put("wrong checksum", with_byte(good, 17, uint8_t(good[17]) ^ 1));
  orders.put("a byte of a record turned", with_byte(good, good.size() - 2, 'x'));
  orders.put("magic 0", old_message(0));
  orders.put("magic 1", old_message(1));
  orders.put("magic 3", with_byte(good, 16, 3));
  orders.put("magic -1", with_byte(good, 16, 0xff));
  orders.put("length 0", changed(good, [](BatchHeader& h) { h.length = 0; }));
  orders.put("length beyond the frame", changed(good, [](BatchHeader& h) { h.length += 100; }));
  orders.put("negative length", changed(good, [](BatchHeader& h) { h.length = -7; }));
  orders.put("count too high", changed(good, [](BatchHeader& h) { h.record_count = 4; }));
  orders.put("count too low", changed(good, [](BatchHeader& h) { h.record_count = 2; }));
  orders.put("count and last delta too high",
             changed(good, [](BatchHeader& h) { h.record_count = 4, h.last_offset_delta = 3; }));
  orders.put("count and last delta too low",
             changed(good, [](BatchHeader& h) { h.record_count = 2, h.last_offset_delta = 1; }));
  orders.put("count 0", changed(good, [](BatchHeader& h) { h.record_count = 0; }));
  orders.put("negative count", changed(good, [](BatchHeader& h) { h.record_count = -1; }));
  orders.put("last delta too high", changed(good, [](BatchHeader& h) { h.last_offset_delta = 9; }));
  orders.put("negative last delta", changed(good, [](BatchHeader& h) { h.last_offset_delta = -1; }));
  orders.put("base offset negative", changed(good, [](BatchHeader& h) { h.base_offset = Offset(-5); }));
  orders.put("max timestamp too high", changed(good, [](BatchHeader& h) { h.max_timestamp_ms += 1000; }));
  orders.put("max timestamp too low", changed(good, [](BatchHeader& h) { h.max_timestamp_ms = kT0; }));
  const auto bits = [&](uint16_t set) {
    return changed(good, [&](BatchHeader& h) { h.attributes = BatchAttributes(set); });
  };
  orders.put("control bit", bits(32));
  orders.put("LogAppendTime bit", bits(8));
  orders.put("delete horizon bit", bits(64));
  orders.put("unused attribute bits", bits(0x400));
  orders.put("codec 5", bits(5));
  orders.put("codec 7", bits(7));
  orders.put("transactional bit without a producer", bits(16));
  orders.put("gzip bit on plain records", bits(1));
  orders.put("snappy bit on plain records", bits(2));
  orders.put("lz4 bit on plain records", bits(3));
  orders.put("zstd bit on plain records", bits(4));
  orders.put("a record's length too high", with_byte(good, 61, 0x7e, true));
  orders.put("a record's length negative", with_byte(good, 61, 0x01, true));
  orders.put("a record's offset out of order", with_byte(good, 64, 8, true));
  orders.put("a record's key beyond the record", with_byte(good, 65, 0x70, true));
  if (orders.next > kPartitions) s.die("more bad batches than partitions");
  all.look("after bad batches", kPartitions);
}

void ask_limits(Script& s, int16_t v) {
  Writer small(s, v, "small", {.configs = {{"max.message.bytes", "200"}}});
  const std::string long_value(300, 'x');
  small.put("larger than max.message.bytes",
            batch_with({{.timestamp_ms = kT0, .value = as_bytes(long_value)}}));
  small.put("just below max.message.bytes", batch_of(2));
  Writer compact(s, v, "compact", {.configs = {{"cleanup.policy", "compact"}}});
  compact.put("compacted: with keys", batch_of(2));
  compact.put("compacted: a record without a key",
              batch_with({{.timestamp_ms = kT0, .key = as_bytes("k")},
                          {.timestamp_ms = kT0, .value = as_bytes("v")}}));
  compact.put("compacted: a record with an empty key",
              batch_with({{.timestamp_ms = kT0, .key = as_bytes("")}}));
  Writer both(s, v, "both", {.configs = {{"cleanup.policy", "compact,delete"}}});
  both.put("compacted and deleted: a record without a key",
           batch_with({{.timestamp_ms = kT0, .value = as_bytes("v")}}));
  Writer timed(
      s, v, "timed",
      {.configs = {{"message.timestamp.before.max.ms", "1000"}, {"message.timestamp.after.max.ms", "1000"}}});
  timed.put("timestamp too old", batch_of(2));
  timed.put("timestamp too far ahead", batch_with({{.timestamp_ms = kT0 * 2, .value = as_bytes("v")}}));
  Writer any(s, v, "any");
  any.put("timestamp far ahead, no bound set",
          batch_with({{.timestamp_ms = kT0 * 2, .value = as_bytes("v")}}));
  any.put("timestamp below -1", batch_with({{.timestamp_ms = -5, .value = as_bytes("v")}}));
}

void ask_rewriting(Script& s, int16_t v) {
  Writer stamped(s, v, "stamped", {.configs = {{"message.timestamp.type", "LogAppendTime"}}});
  stamped.put("LogAppendTime", batch_of(2));
  stamped.put("LogAppendTime, gzip", batch_of(2, {.compression = {CompressionType::gzip}}));
  stamped.put("LogAppendTime, its bit set already",
              changed(batch_of(2), [](BatchHeader& h) { h.attributes = BatchAttributes(8); }));
  stamped.look("what LogAppendTime made");
  for (const char* type : {"uncompressed", "gzip", "snappy", "lz4", "zstd"}) {
    Writer recoded(s, v, "recoded", {.configs = {{"compression.type", type}}});
    const std::string what = std::string("compression.type ") + type;
    recoded.put(what + ", plain", batch_of(3));
    recoded.put(what + ", gzip", batch_of(3, {.compression = {CompressionType::gzip}}));
    recoded.put(what + ", lz4", batch_of(3, {.compression = {CompressionType::lz4}}));
    recoded.put(what + ", base offset not zero",
                changed(batch_of(2), [](BatchHeader& h) { h.base_offset = Offset(42); }));
    recoded.look("what " + what + " made");
  }
}

void ask_idempotence(Script& s, int16_t v) {
  Writer orders(s, v, "orders");
  BatchSpec spec = from_producer(s, "producer a");
  const auto at = [&](int32_t sequence, int16_t epoch = -1) {
    BatchSpec changed_spec = spec;
    changed_spec.base_sequence = sequence;
    if (epoch >= 0) changed_spec.producer_epoch = epoch;
    return changed_spec;
  };
  orders.put("idempotent: first", batch_of(2, at(0)));
  orders.put("idempotent: first again", batch_of(2, at(0)));
  orders.put("idempotent: next", batch_of(3, at(2)));
  orders.put("idempotent: a gap", batch_of(1, at(7)));
  orders.put("idempotent: next but a part of it sent before", batch_of(3, at(4)));
  orders.put("idempotent: a part of an old one", batch_of(1, at(2)));
  for (int i = 0; i < 5; ++i) orders.put_quietly(batch_of(1, at(5 + i)));
  orders.put("idempotent: the fifth of the last", batch_of(1, at(5)));
  orders.put("idempotent: older than the last five", batch_of(2, at(0)));
  orders.put("idempotent: new epoch from zero", batch_of(1, at(0, 1)));
  orders.put("idempotent: old epoch", batch_of(1, at(10, 0)));
  orders.put("idempotent: newer epoch not from zero", batch_of(1, at(5, 2)));
  spec = from_producer(s, "producer b");
  orders.put("idempotent: a new producer not from zero", batch_of(1, at(17)));
  orders.put("idempotent: a new producer goes on", batch_of(1, at(18)));
  spec = from_producer(s, "producer c");
  orders.put("idempotent: sequences before they wrap", batch_of(2, at(2147483646)));
  orders.put("idempotent: sequences after they wrapped", batch_of(2, at(0)));
  spec = from_producer(s, "producer d");
  orders.put("idempotent: sequences wrap inside", batch_of(4, at(2147483645)));
  orders.put("idempotent: sequences wrapped inside", batch_of(1, at(1)));
  spec = from_producer(s, "producer e");
  orders.put("idempotent: no sequence", batch_of(1, at(-1)));
  orders.put("idempotent: no epoch",
             changed(batch_of(1, at(0)), [](BatchHeader& h) { h.producer_epoch = -1; }));
  orders.put("idempotent: two batches", joined(batch_of(1, at(0)), batch_of(1, at(1))));
  orders.put("idempotent: acks 1", batch_of(1, at(0)), 1);
  spec.producer_id = 900'000'000;
  orders.put("idempotent: an id that nobody gave out", batch_of(1, at(0)));
  spec.transactional = true;
  orders.put("transactional batch without a transactional id", batch_of(1, at(1)));
  Produce in_transaction = orders.request(batch_of(1, at(1)));
  in_transaction.transactional_id = "nobody's";
  s.ask("transactional batch of an id that nobody began", v, in_transaction);
  orders.look("what idempotent producers left");
}

void ask_init_producer_id(Script& s, int16_t v) {
  using Request = kafka::InitProducerIdRequest;
  s.ask("a new one", v, Request{.transactional_id = std::nullopt});
  s.ask("with a timeout", v, Request{.transactional_id = std::nullopt, .transaction_timeout_ms = 60'000});
  s.ask("an empty transactional id", v, Request{.transactional_id = "", .transaction_timeout_ms = 60'000});
  const std::string transactional = s.name("transactional");
  const Request known{.transactional_id = transactional, .transaction_timeout_ms = 60'000};
  // Kafka makes the topic for it, and loads its partition, at the first question.
  for (int tries = 0; tries < 100; ++tries) {
    const ErrorCode code = s.quietly(v, known).error_code;
    if (code != ErrorCode::coordinator_not_available && code != ErrorCode::not_coordinator &&
        code != ErrorCode::coordinator_load_in_progress && code != ErrorCode::concurrent_transactions)
      break;
    (void)s.quietly(4, kafka::FindCoordinatorRequest{.key_type = 1, .coordinator_keys = {transactional}});
    s.pause(50);
  }
  s.ask("a transactional id", v, known);
  s.ask("a transactional id with a timeout of nothing", v,
        Request{.transactional_id = transactional, .transaction_timeout_ms = 0});
  if (v < 3) return;
  s.ask("an id without an epoch", v, Request{.transactional_id = std::nullopt, .producer_id = 5});
  s.ask("an epoch without an id", v, Request{.transactional_id = std::nullopt, .producer_epoch = 5});
  s.ask("an id and an epoch", v,
        Request{.transactional_id = std::nullopt, .producer_id = 5, .producer_epoch = 5});
}

}  // namespace

void ask_produce(Script& s) {
  s.each_version(ApiKey::produce, [&](int16_t v) {
    ask_good(s, v);
    ask_acks(s, v);
    ask_places(s, v);
    ask_bad_batches(s, v);
    ask_limits(s, v);
    ask_rewriting(s, v);
    ask_idempotence(s, v);
  });
  s.each_version(ApiKey::init_producer_id, [&](int16_t v) { ask_init_producer_id(s, v); });
}

}  // namespace godwit::compare
