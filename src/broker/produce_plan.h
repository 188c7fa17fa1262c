// One batch of a Produce request on its way: where it belongs and what became of it. The request's batches are sorted
// by the shard of their partition, so that each shard is asked once.
#pragma once

#include <memory>
#include <vector>

#include "broker/partition.h"
#include "kafka/messages/produce.h"

namespace godwit::broker {

struct ProduceItem {
  TopicPartition id;
  size_t topic = 0;  // place in the response
  size_t partition = 0;
  MutableBytes batch;
  Bytes rewritten;  // holds the batch where it was compressed anew
  int32_t records = 0;

  ErrorCode error = ErrorCode::none;
  std::string message;
  storage::Appended appended;
  uint64_t reign = 0;  // of its partition, in which it was appended
};

}  // namespace godwit::broker
