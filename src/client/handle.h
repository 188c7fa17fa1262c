// A librdkafka instance, made from Options.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "godwit/client.h"

struct rd_kafka_s;
struct rd_kafka_message_s;
struct rd_kafka_topic_partition_list_s;

namespace godwit::client {

using Properties = std::vector<std::pair<std::string, std::string>>;

// What librdkafka is told of `options`, for a producer or a consumer.
Properties producer_properties(const Options& options);
Properties consumer_properties(const Options& options);

class Handle {
 public:
  enum class Role { producer, consumer };
  // Called on the thread that polls; `message` is gone afterwards.
  using OnDelivered = void (*)(const rd_kafka_message_s& message);
  // Called on the thread that polls a consumer or closes it, before these partitions are read (`assigned`) or given back.
  using OnRebalance = std::function<void(bool assigned, const rd_kafka_topic_partition_list_s& partitions)>;

  // `properties`, and then those of options.properties. Error: invalid, naming the property.
  static Result<Handle> make(Role role, const Options& options, const Properties& properties,
                             OnDelivered on_delivered = nullptr, OnRebalance on_rebalance = {});
  // Ends the instance and its threads. librdkafka before 2.1.1 waits for ever where a topic was deleted while a consumer
  // had it (a count of references that never falls); such an instance is left to itself after a few seconds.
  ~Handle();
  Handle(Handle&&) noexcept;
  Handle& operator=(Handle&&) = delete;

  rd_kafka_s* get() const { return kafka_; }

 private:
  // librdkafka's threads call it until the instance is gone.
  struct Listener {
    std::function<void(const std::string&)> diagnostics;
    OnDelivered on_delivered = nullptr;
    OnRebalance on_rebalance;
    // Nobody is left to be told.
    std::atomic<bool> silent{false};
  };
  Handle(rd_kafka_s* kafka, std::shared_ptr<Listener> listener);

  rd_kafka_s* kafka_;
  std::shared_ptr<Listener> listener_;
};

}  // namespace godwit::client
