#include "replicator/replicator.h"

#include "replicator/fetcher.h"

namespace godwit::replicator {

using runtime::Task;

class Replicator::Impl {
 public:
  Impl(ReplicatorOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics)
      : options_(std::move(options)),
        runtime_(runtime),
        shard_(*runtime::Shard::current()),
        diagnostics_(diagnostics) {}

  void follow(Following wish) {
    auto& place = places_[wish.id];
    const auto& log = place.log;
    if (log != nullptr && log->epoch() == wish.epoch && log->leader().id == wish.leader.id &&
        log->leader().incarnation == wish.leader.incarnation && log->leader().at == wish.leader.at) {
      log->set_throttled(wish.throttled);
      return;
    }
    place.wish = std::move(wish);
    if (!std::exchange(place.changing, true)) tasks_.spawn(shard_, change(place.wish->id));
  }

  Task<void> unfollow(TopicPartition id) {
    const auto found = places_.find(id);
    if (found == places_.end()) co_return;
    found->second.wish.reset();
    if (!std::exchange(found->second.changing, true)) {
      co_await change(id);
      co_return;
    }
    while (places_.contains(id)) co_await changed_.wait();
  }

  size_t following() const { return places_.size(); }

  std::optional<int64_t> lag(const TopicPartition& id) const {
    const auto found = places_.find(id);
    if (found == places_.end() || found->second.log == nullptr) return std::nullopt;
    return found->second.log->lag();
  }

  void set_incarnation(uint64_t incarnation) {
    options_.incarnation = incarnation;
    for (const auto& [key, fetcher] : fetchers_) fetcher->reconnect();
  }

  Task<void> close() {
    std::vector<TopicPartition> all;
    for (const auto& [id, place] : places_) all.push_back(id);
    std::vector<Task<void>> ending;
    for (const TopicPartition& id : all) ending.push_back(unfollow(id));
    // Their connections first: nothing that a leader holds is waited for.
    for (const auto& [key, fetcher] : fetchers_) co_await fetcher->stop();
    co_await runtime::when_all(std::move(ending));
    co_await tasks_.close();
    fetchers_.clear();
  }

 private:
  // A partition: what is followed, and what shall be.
  struct Place {
    std::shared_ptr<Followed> log;
    std::optional<Following> wish;
    bool changing = false;
  };
  using FetcherKey = std::pair<BrokerId, uint64_t>;

  // Ends what is followed, then begins what is wished by then, until nothing else is wished.
  Task<void> change(TopicPartition id) {
    for (;;) {
      if (const auto log = places_.at(id).log) {
        forget(*log);
        co_await log->end();
        places_.at(id).log = nullptr;
      }
      auto wish = std::exchange(places_.at(id).wish, std::nullopt);
      if (!wish) {
        places_.erase(id);
        break;
      }
      begin(std::move(*wish));
      if (!places_.at(id).wish) {
        places_.at(id).changing = false;
        break;
      }
    }
    changed_.notify_all();
  }

  void begin(Following wish) {
    auto log = std::make_shared<Followed>(wish, shard_, diagnostics_);
    places_.at(wish.id).log = log;
    auto& fetcher = fetchers_[{wish.leader.id, wish.leader.incarnation}];
    if (fetcher != nullptr && fetcher->leader().at != wish.leader.at) retire(std::move(fetcher));
    if (fetcher == nullptr) {
      fetcher = std::make_shared<Fetcher>(wish.leader, options_, runtime_, shard_, diagnostics_);
      fetcher->start();
    }
    fetcher->add(std::move(log));
  }

  void forget(const Followed& log) {
    const auto found = fetchers_.find({log.leader().id, log.leader().incarnation});
    if (found == fetchers_.end()) return;
    found->second->remove(log.id());
    if (!found->second->empty()) return;
    retire(std::move(found->second));
    fetchers_.erase(found);
  }

  void retire(std::shared_ptr<Fetcher> fetcher) {
    tasks_.spawn(shard_, [](std::shared_ptr<Fetcher> ending) -> Task<void> {
      co_await ending->stop();
    }(std::move(fetcher)));
  }

  ReplicatorOptions options_;
  runtime::Runtime& runtime_;
  runtime::Shard& shard_;
  DiagnosticSink& diagnostics_;
  std::map<TopicPartition, Place> places_;
  std::map<FetcherKey, std::shared_ptr<Fetcher>> fetchers_;
  runtime::Condition changed_;
  runtime::Gate tasks_;
};

Replicator::Replicator(ReplicatorOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics)
    : impl_(std::make_unique<Impl>(std::move(options), runtime, diagnostics)) {}
Replicator::~Replicator() = default;

void Replicator::follow(Following what) {
  impl_->follow(std::move(what));
}
Task<void> Replicator::unfollow(TopicPartition id) {
  return impl_->unfollow(id);
}
void Replicator::set_incarnation(uint64_t incarnation) {
  impl_->set_incarnation(incarnation);
}
size_t Replicator::following() const {
  return impl_->following();
}
std::optional<int64_t> Replicator::lag(const TopicPartition& id) const {
  return impl_->lag(id);
}
Task<void> Replicator::close() {
  return impl_->close();
}

}  // namespace godwit::replicator
