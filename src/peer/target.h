// Which broker a request is for.
#pragma once

#include <string>

#include "model/broker_id.h"
#include "model/topic.h"

namespace godwit::peer {

struct Target {
  enum class Kind { any, controller, broker, coordinator, leader };
  Kind kind = Kind::any;
  BrokerId id = kNoBroker;   // broker
  std::string name;          // coordinator: the group; leader: the topic
  PartitionIndex partition;  // leader

  static Target any() { return {}; }
  static Target controller() { return {.kind = Kind::controller}; }
  static Target broker(BrokerId id) { return {.kind = Kind::broker, .id = id}; }
  // The broker that manages the consumer group.
  static Target coordinator(std::string group) {
    return {.kind = Kind::coordinator, .name = std::move(group)};
  }
  static Target leader(std::string topic, PartitionIndex partition) {
    return {.kind = Kind::leader, .name = std::move(topic), .partition = partition};
  }
};

}  // namespace godwit::peer
