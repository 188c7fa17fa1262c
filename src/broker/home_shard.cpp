#include "broker/home_shard.h"

#include "broker/broker.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/produce.h"

namespace godwit::broker {
namespace {

class Search {
 public:
  explicit Search(BrokerShard& here) : here_(here) {}
  void found(const cluster::Topic* topic, PartitionIndex partition) {
    if (topic == nullptr) return;
    const size_t shard = here_.broker().store().shard_of({topic->id, partition});
    home_ = home_.value_or(shard) == shard ? shard : here_.index();
  }
  const cluster::Image& image() const { return *here_.image(); }
  std::optional<size_t> home() const { return home_; }

 private:
  BrokerShard& here_;
  std::optional<size_t> home_;
};

// What cannot be read the handler will refuse.
template <class Request>
std::optional<Request> read(const kafka::RequestFrame& frame) {
  codec::Input body = frame.body;
  auto request = codec::decode<Request>(body, frame.version);
  if (!request) return std::nullopt;
  return std::move(*request);
}

}  // namespace

std::optional<size_t> home_shard(BrokerShard& here, const kafka::RequestFrame& frame) {
  Search search(here);
  const bool by_id = frame.version >= 13;  // of both
  if (frame.key() == kafka::ApiKey::produce) {
    const auto request = read<kafka::ProduceRequest>(frame);
    if (!request) return std::nullopt;
    for (const auto& topic : request->topic_data) {
      const auto* const known = by_id ? search.image().find(topic.topic_id) : search.image().find(topic.name);
      for (const auto& partition : topic.partition_data) search.found(known, partition.index);
    }
  } else if (frame.key() == kafka::ApiKey::fetch) {
    const auto request = read<kafka::FetchRequest>(frame);
    if (!request) return std::nullopt;
    // A session that goes on belongs to the shard on which it began.
    if (request->session_epoch > 0) return here.index();
    for (const auto& topic : request->topics) {
      const auto* const known =
          by_id ? search.image().find(topic.topic_id) : search.image().find(topic.topic);
      for (const auto& partition : topic.partitions) search.found(known, partition.partition);
    }
  }
  return search.home();
}

}  // namespace godwit::broker
