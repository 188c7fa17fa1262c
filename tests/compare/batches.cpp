#include "batches.h"

#include <zlib.h>

#include "base/check.h"
#include "base/endian.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/produce.h"

namespace godwit::compare {

Bytes batch_with(const std::vector<NewRecord>& records, BatchSpec spec) {
  BatchBuilder builder(std::move(spec));
  for (const auto& record : records) builder.add(record);
  auto batch = builder.build();
  GW_CHECK(batch.has_value(), "the script's batches are sound");
  return std::move(*batch);
}

Bytes batch_of(int count, BatchSpec spec) {
  BatchBuilder builder(std::move(spec));
  for (int i = 0; i < count; ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::string value = "v" + std::to_string(i);
    builder.add({.timestamp_ms = kT0 + i, .key = as_bytes(key), .value = as_bytes(value)});
  }
  auto batch = builder.build();
  GW_CHECK(batch.has_value(), "the script's batches are sound");
  return std::move(*batch);
}

Bytes changed(Bytes batch, const std::function<void(BatchHeader&)>& change) {
  BatchHeader header = BatchHeader::load(batch);
  change(header);
  write_header(header, batch);
  header.crc = batch_crc(batch);
  write_header(header, batch);
  return batch;
}

Bytes with_byte(Bytes batch, size_t position, uint8_t value, bool checksum) {
  batch.at(position) = std::byte{value};
  if (checksum) batch = changed(std::move(batch), [](BatchHeader&) {});
  return batch;
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void append(Script& s, const std::string& topic, Bytes records, int32_t partition) {
  kafka::ProduceRequest request{.acks = -1, .timeout_ms = 5'000};
  request.topic_data.push_back({.name = topic});
  request.topic_data[0].partition_data.push_back(
      {PartitionIndex(partition), SharedBytes::own(std::move(records))});
  const auto answer = s.quietly(9, request);
  const auto& done = answer.responses.at(0).partition_responses.at(0);
  if (done.error_code != ErrorCode::none)
    s.die("appending to " + topic + ": " + std::string(to_string(done.error_code)));
}

BatchSpec from_producer(Script& s, const std::string& word, int32_t sequence) {
  auto made = s.quietly(4, kafka::InitProducerIdRequest{.transactional_id = std::nullopt});
  // Kafka's very first producer id is 0, for which it does not look at sequences.
  if (made.producer_id == 0)
    made = s.quietly(4, kafka::InitProducerIdRequest{.transactional_id = std::nullopt});
  s.call(std::to_string(made.producer_id), word);
  return {.producer_id = made.producer_id, .producer_epoch = made.producer_epoch, .base_sequence = sequence};
}

Bytes old_message(int8_t magic) {
  // offset 8, size 4 | crc 4, magic 1, attributes 1, (timestamp 8), key, value
  Bytes body;
  const auto put = [&](auto number) {
    std::byte raw[sizeof number];
    store_big(raw, number);
    body.insert(body.end(), raw, raw + sizeof number);
  };
  put(magic);
  put(int8_t{0});
  if (magic == 1) put(int64_t{kT0});
  for (const std::string_view text : {"k", "v"}) {
    put(static_cast<int32_t>(text.size()));
    body.insert(body.end(), as_bytes(text).begin(), as_bytes(text).end());
  }
  const auto crc = static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
  Bytes out(16);
  store_big(out.data(), int64_t{0});
  store_big(out.data() + 8, static_cast<int32_t>(body.size() + 4));
  store_big(out.data() + 12, crc);
  return joined(std::move(out), body);
}

}  // namespace godwit::compare
