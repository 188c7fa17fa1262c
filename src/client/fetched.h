// What librdkafka gives a reader, as a record.
#pragma once

#include <memory>

#include "godwit/record.h"

struct rd_kafka_message_s;

namespace godwit::client {

Record record_from(const rd_kafka_message_s& message);

struct MessageDestroyer {
  void operator()(rd_kafka_message_s* message) const;
};
// Destroyed before the instance that gave it.
using MessagePtr = std::unique_ptr<rd_kafka_message_s, MessageDestroyer>;

}  // namespace godwit::client
