// What the store's tests share: a store on a simulated node, batches of short texts, and reading them back.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "record/batch_builder.h"
#include "runtime/sim/node.h"
#include "storage/store.h"

namespace godwit::storage::store_test {

using runtime::Runtime;
using runtime::Task;
using namespace std::chrono_literals;

constexpr const char* kDirectory = "/data";

// Small, so that a few batches fill a journal file or a segment.
StoreOptions small_options();

// An open store; kept by the node until the process ends. opened_store() requires that it can be opened.
struct OpenStore {
  RecordingSink diagnostics;
  metrics::Registry metrics;
  std::unique_ptr<Store> store;
};
Task<Result<std::shared_ptr<OpenStore>>> open_store(runtime::sim::Node& node,
                                                    StoreOptions options = small_options());
Task<std::shared_ptr<OpenStore>> opened_store(runtime::sim::Node& node,
                                              StoreOptions options = small_options());

TopicPartition partition(int32_t index, uint8_t topic = 1);

struct Producer {
  int64_t id = kNoProducerId;
  int16_t epoch = 0;
  int32_t sequence = 0;  // of the next batch; append_texts raises it
};
Bytes batch_of(const std::vector<std::string>& texts, const Producer& producer = {},
               int64_t timestamp_ms = 1000);

// Appends one batch of `texts` on the log's shard, which is the current one.
Task<Served<Appended>> append_texts(Log& log, std::vector<std::string> texts,
                                    LeaderEpoch epoch = LeaderEpoch(0), Producer* producer = nullptr,
                                    int64_t timestamp_ms = 1000);
// The same, and waits until it is stable.
Task<ErrorCode> publish(Log& log, std::vector<std::string> texts, LeaderEpoch epoch = LeaderEpoch(0));

// "offset=text" of all records from `from` to the end, read in steps of `step` bytes. Ends with "error: …"
// where a read was refused.
Task<std::vector<std::string>> read_texts(Log& log, Offset from, size_t step = 1 << 20);

// Runs `body` on a node and requires that it ended.
void run(runtime::sim::Node& node, runtime::sim::Main body);

}  // namespace godwit::storage::store_test
