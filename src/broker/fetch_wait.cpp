#include "broker/fetch_wait.h"

#include "broker/broker.h"

namespace godwit::broker {

using runtime::Task;

// Touched on the waiting shard only; shared, since a report may arrive after the wait has ended.
struct FetchWait::News final : LongPoll {
  std::vector<size_t> changed;
  runtime::Condition arrived;
  bool stopped = false;
  bool hurried = false;
  Of of = Of::consumer;
  void next_came() override {
    if (of != Of::follower) return;
    hurried = true;
    arrived.notify_all();
  }
  void add(size_t index) {
    changed.push_back(index);
    arrived.notify_all();
  }
  void stop() override {
    stopped = true;
    arrived.notify_all();
  }
};

struct FetchWait::Watch final : Partition::Watcher {
  Watch(runtime::Shard& w, std::shared_ptr<News> n, const Target& target)
      : waiting(w), news(std::move(n)), id(target.id), index(target.index) {}
  void partition_changed() override {
    if (&waiting == runtime::Shard::current()) {
      news->add(index);
    } else {
      waiting.post([n = news, i = index] { n->add(i); });
    }
  }
  runtime::Shard& waiting;
  std::shared_ptr<News> news;
  TopicPartition id;
  size_t index;
};

FetchWait::FetchWait(BrokerShard& shard, Client& client, Of of)
    : shard_(shard), of_(of), news_(std::make_shared<News>()), watches_(shard.broker().shard_count()) {
  shard_.fetch_waits().push_back(*this);
  client.long_poll = news_;
  news_->of = of;
  news_->stopped = client.gone;
}

FetchWait::~FetchWait() = default;

void FetchWait::watch_here(BrokerShard& owner, const Target& target) {
  auto& mine = watches_[owner.index()];
  if (mine.size() <= target.index) mine.resize(target.index + 1);
  auto& watch = mine[target.index];
  if (watch != nullptr && watch->linked() && watch->id == target.id) return;
  watch = std::make_unique<Watch>(shard_.shard(), news_, target);
  if (const auto partition = owner.find(target.id)) {
    partition->watch(*watch, of_ == Of::follower);
  } else {
    watch->partition_changed();
  }
}

Task<std::vector<size_t>> FetchWait::changed(MonotonicTime deadline) {
  GW_CHECK(&shard_.shard() == runtime::Shard::current(),
           "who waits does so on the shard to which news are reported");
  while (news_->changed.empty() && !news_->stopped && !news_->hurried) {
    if (!co_await news_->arrived.wait_until(deadline)) break;
  }
  hurried_ = std::exchange(news_->hurried, false);
  co_return std::exchange(news_->changed, {});
}

std::vector<size_t> FetchWait::take() {
  return std::exchange(news_->changed, {});
}

void FetchWait::answered() {
  news_->hurried = false;
}

void FetchWait::stop() {
  news_->stop();
}

void FetchWait::close() {
  for (size_t i = 0; i < watches_.size(); ++i) {
    if (watches_[i].empty()) continue;
    runtime::Shard& owner = shard_.broker().shard(i).shard();
    // Nobody waits for their end: what they still report nobody hears.
    if (&owner != runtime::Shard::current()) owner.post([mine = std::move(watches_[i])] {});
    watches_[i].clear();
  }
}

}  // namespace godwit::broker
