#include "coordination/memory/memory_client.h"

#include <algorithm>

#include "coordination/memory/memory_client_core.h"
#include "coordination/memory/memory_client_lease.h"

namespace godwit::coordination {
namespace {

using runtime::Task;
using Core = std::shared_ptr<MemoryClientCore>;
using Keys = MemoryEngine::Keys;

class MemoryClientWatch final : public Watch, public MemoryClientCore::Member {
 public:
  MemoryClientWatch(Core core, std::string prefix)
      : core_(std::move(core)), prefix_(std::move(prefix)), born_(core_->begin_watch()) {
    core_->add(*this);
  }

  Task<Result<void>> changed() override {
    while (!news_) {
      if (core_->closed()) co_return MemoryClientCore::was_closed();
      co_await arrived_.wait();
    }
    news_ = false;
    co_return Result<void>();
  }
  void tell(const Keys& keys, uint64_t change) override {
    // A change from before the watch was made is no news to it.
    if (change <= born_) return;
    if (std::ranges::any_of(keys, [&](const auto& key) { return key.starts_with(prefix_); })) tell_all();
  }
  void tell_all() override {
    news_ = true;
    arrived_.notify_all();
  }
  void wake() override { arrived_.notify_all(); }

 private:
  Core core_;
  std::string prefix_;
  uint64_t born_;
  bool news_ = false;
  runtime::Condition arrived_;
};

class MemoryClient final : public Coordination {
 public:
  explicit MemoryClient(Core core) : core_(std::move(core)) {}

  Task<Result<std::optional<KeyValue>>> get(std::string key) override {
    return ask<std::optional<KeyValue>>(core_, CallKind::get,
                                        [key = std::move(key)](MemoryEngine& engine, MonotonicTime, Keys&) {
                                          return engine.keys().get(key);
                                        });
  }
  Task<Result<std::vector<KeyValue>>> list(std::string prefix) override {
    return ask<std::vector<KeyValue>>(
        core_, CallKind::list, [prefix = std::move(prefix)](MemoryEngine& engine, MonotonicTime, Keys&) {
          return engine.keys().list(prefix);
        });
  }
  Task<Result<void>> commit(Transaction transaction) override {
    for (const auto& write : transaction.writes)
      GW_CHECK(!write.leased, "a leased key is put through its lease");
    return ask<void>(
        core_, CallKind::commit,
        [transaction = std::move(transaction)](MemoryEngine& engine, MonotonicTime, Keys& changed) {
          return keep_changed(engine.commit(transaction), changed);
        });
  }
  Task<Result<std::unique_ptr<Lease>>> grant(Duration timeout) override {
    return grant_lease(core_, timeout);
  }
  std::unique_ptr<Watch> watch(std::string prefix) override {
    return std::make_unique<MemoryClientWatch>(core_, std::move(prefix));
  }
  Task<void> close() override {
    core_->close();
    co_return;
  }

 private:
  Core core_;
};

}  // namespace

std::unique_ptr<Coordination> connect(MemoryServer& server, runtime::Runtime& runtime, Link link) {
  runtime::Shard* const here = runtime::Shard::current();
  auto core =
      std::make_shared<MemoryClientCore>(server, here != nullptr ? *here : runtime.shard(0), std::move(link));
  server.join(core);
  return std::make_unique<MemoryClient>(std::move(core));
}

}  // namespace godwit::coordination
