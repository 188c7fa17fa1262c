#include "broker/unknown_logs.h"

#include <algorithm>

#include "broker/broker.h"

namespace godwit::broker {

using runtime::Task;

namespace {
constexpr Duration kAskAgain = std::chrono::seconds(1);
}  // namespace

Task<void> UnknownLogs::decide(std::vector<TopicPartition> ids) {
  undecided_.insert(ids.begin(), ids.end());
  co_await ask_at_once();
}

Task<void> UnknownLogs::vanished(std::vector<std::pair<std::string, TopicId>> topics) {
  for (auto& [name, id] : topics) vanished_[id] = std::move(name);
  co_await ask_at_once();
}

Task<void> UnknownLogs::ask_at_once() {
  known_ = false;
  co_await ask();
  if (known_ || stopping_ || std::exchange(asks_again_, true)) co_return;
  tasks_.spawn(broker_.runtime().shard(0), ask_until_known());
}

// One after the other: an answer speaks for all that were there when it was asked for.
Task<void> UnknownLogs::ask() {
  const auto lock = co_await asking_.lock();
  if (known_ || stopping_) co_return;
  const std::set<TopicPartition> now = undecided_;
  const std::map<TopicId, std::string> topics = vanished_;
  const auto tombstones = co_await broker_.metadata().tombstones();
  if (!tombstones) {
    if (std::exchange(told_, true)) co_return;
    broker_.diagnostics().emit(
        {Severity::warning,
         "storage.tombstones_unreadable",
         "whether topics that are gone were deleted is not known yet: their logs stay, and "
         "the store is asked again",
         {{"logs", std::to_string(now.size())}, {"error", tombstones.error().message}}});
    co_return;
  }
  told_ = false;
  known_ = now.size() == undecided_.size() && topics.size() == vanished_.size();
  for (const auto& [id, name] : topics) {
    vanished_.erase(id);
    if (std::ranges::find(*tombstones, id) == tombstones->end()) continue;
    for (size_t i = 0; i < broker_.shard_count() && !stopping_; ++i) {
      BrokerShard& shard = broker_.shard(i);
      co_await shard.shard().call([&shard, &name, &id] { shard.groups().topic_deleted(name, id); });
    }
  }
  for (const TopicPartition& id : now) {
    if (stopping_) co_return;
    undecided_.erase(id);
    // The cluster knows it after all (again), and it is served by now.
    if (broker_.metadata().image()->find(id) != nullptr) continue;
    std::string fault = "a log whose topic the cluster does not know is kept and not served";
    std::string_view what = "storage.unknown_partition";
    if (std::ranges::find(*tombstones, id.topic) != tombstones->end()) {
      storage::Store& store = broker_.store();
      const auto dropped =
          co_await broker_.runtime().shard(store.shard_of(id)).call([&store, id] { return store.drop(id); });
      if (dropped) continue;
      what = "storage.partition_not_dropped";
      fault = dropped.error().message;
    }
    broker_.diagnostics().emit({Severity::warning,
                                std::string(what),
                                fault,
                                {{"topic_id", to_string(id.topic)}, {"partition", to_string(id.partition)}}});
  }
}

Task<void> UnknownLogs::ask_until_known() {
  runtime::Shard& shard = broker_.runtime().shard(0);
  while (!known_ && !stopping_) {
    (void)co_await stopped_.wait_until(shard.now() + kAskAgain);
    if (!stopping_) co_await ask();
  }
  asks_again_ = false;
}

Task<void> UnknownLogs::stop() {
  stopping_ = true;
  stopped_.notify_all();
  co_await tasks_.close();
}

}  // namespace godwit::broker
