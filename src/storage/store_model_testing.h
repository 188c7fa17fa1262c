// What a store promised, as a test saw it: compared with what is there after a crash.
//
// An operation is noted before it is asked for (from then on its effect may be there) and when it is
// acknowledged (from then on it must be).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/store_testing.h"

namespace godwit::storage::store_test {

class LogModel {
 public:
  // Offsets of texts whose append was asked for; the offset is known once it was admitted.
  void tried(const std::string& text) { tried_.insert(text); }
  void acknowledged(Offset offset, const std::string& text);
  void truncate_tried(Offset end);
  void truncate_acknowledged(Offset end);
  void start_tried(Offset start) { start_max_ = std::max(start_max_, start); }
  void start_acknowledged(Offset start);
  void drop_tried() { may_be_dropped_ = true; }
  void drop_acknowledged();
  void create_tried() { may_exist_ = true; }
  void create_acknowledged();

  // Compares; what is found becomes what must be there from now on (a power cut takes nothing that a recovered
  // store showed as stable). Messages say what is wrong.
  Task<std::vector<std::string>> check(Log* log);
  Offset end_min() const { return end_min_; }

 private:
  std::set<std::string> tried_;
  std::map<Offset, std::string> must_;  // acknowledged, at their offsets
  std::set<std::string> gone_;          // truncated for good: never again
  // Acknowledged, and a truncation below them was asked for: may be there or not.
  std::map<Offset, std::string> may_;
  Offset start_min_;
  Offset start_max_;
  Offset end_min_;
  bool may_exist_ = false;
  bool must_exist_ = false;
  bool may_be_dropped_ = false;
};

// The partitions of a store, with unique texts.
struct StoreModel {
  std::map<TopicPartition, LogModel> logs;
  uint64_t texts = 0;
  // Where the store's shards are; without it all happens on the current one.
  Runtime* runtime = nullptr;

  std::string text(size_t size = 0) {
    std::string made = "t" + std::to_string(++texts);
    if (made.size() < size) made.append(size - made.size(), '.');
    return made;
  }
  Task<void> create(Store& store, TopicPartition id, LogConfig config = {});
  Task<void> drop(Store& store, TopicPartition id);
  // One batch of one text, waited for.
  Task<void> publish(Store& store, TopicPartition id, size_t size = 0, LeaderEpoch epoch = LeaderEpoch(0));
  Task<void> truncate(Store& store, TopicPartition id, Offset end);
  Task<void> delete_before(Store& store, TopicPartition id, Offset start);
  // The log's shard, or the current one.
  runtime::Shard& home(Store& store, TopicPartition id);
  // Expects everything to be as promised.
  Task<void> check(Store& store);
};

}  // namespace godwit::storage::store_test
