#include "coordination/memory/memory_client_lease.h"

#include <algorithm>

namespace godwit::coordination {
namespace {

using runtime::Task;
using Core = std::shared_ptr<MemoryClientCore>;
using Keys = MemoryEngine::Keys;

// After a keep-alive that failed, and while the holder is not healthy.
constexpr Duration kRetry = std::chrono::milliseconds(100);

// Shared by the holder's object and the frames that work for it.
struct LeaseState final : MemoryClientCore::Member {
  enum class End : uint8_t { none, dropped, revoked, lost };

  Core core;
  LeaseId id;
  Duration timeout{};
  MonotonicTime valid_until{};
  End end = End::none;
  std::function<bool()> healthy;
  runtime::Condition changed;

  bool held() const { return end == End::none && !core->closed(); }
  void finish(End how) {
    if (end != End::none) return;
    end = how;
    valid_until = MonotonicTime::min();
    healthy = nullptr;
    changed.notify_all();
  }
  void wake() override { changed.notify_all(); }
};

auto has_ended() {
  return fail(ErrorKind::not_found, "the lease has ended");
}

// Keeps the lease alive, or only asks whether it still lives.
Task<Result<void>> look_after(std::shared_ptr<LeaseState> lease, bool healthy) {
  return ask<void>(lease->core, CallKind::keep_alive,
                   [id = lease->id, healthy](MemoryEngine& engine, MonotonicTime now, Keys&) {
                     return healthy ? engine.keep_alive(id, now) : engine.check(id);
                   });
}

Task<void> keep_alive(std::shared_ptr<LeaseState> lease, MonotonicTime next) {
  runtime::Shard& shard = lease->core->shard();
  while (lease->held()) {
    if (co_await lease->changed.wait_until(next)) continue;
    if (!lease->held()) co_return;
    const MonotonicTime sent = shard.now();
    next = sent + kRetry;
    const auto condition = lease->healthy;  // a copy: it may end the lease, and itself with it
    const bool healthy = !condition || condition();
    // Who lets it lapse wants to hear when it has.
    if (!healthy && sent < lease->valid_until) continue;
    const auto lives = co_await look_after(lease, healthy);
    if (!lease->held()) co_return;
    if (!lives && lives.error().kind == ErrorKind::not_found) lease->finish(LeaseState::End::lost);
    if (!lives || !healthy) continue;
    lease->valid_until = sent + lease->timeout;
    next = sent + lease->timeout / 3;
  }
}

Task<Result<void>> commit_with(std::shared_ptr<LeaseState> lease, Transaction transaction) {
  if (lease->end != LeaseState::End::none) co_return has_ended();
  auto outcome = co_await ask<void>(lease->core, CallKind::commit,
                                    [id = lease->id, transaction = std::move(transaction)](
                                        MemoryEngine& engine, MonotonicTime, Keys& changed) {
                                      return keep_changed(engine.commit(transaction, id), changed);
                                    });
  if (!outcome && outcome.error().kind == ErrorKind::not_found) lease->finish(LeaseState::End::lost);
  co_return outcome;
}

Task<Result<void>> wait_for_loss(std::shared_ptr<LeaseState> lease) {
  while (lease->held()) co_await lease->changed.wait();
  if (lease->end == LeaseState::End::lost) co_return Result<void>();
  co_return fail(ErrorKind::closed, "the lease was given up, or its store closed");
}

Task<Result<void>> revoke(std::shared_ptr<LeaseState> lease) {
  lease->finish(LeaseState::End::revoked);
  auto outcome = co_await ask<void>(lease->core, CallKind::revoke,
                                    [id = lease->id](MemoryEngine& engine, MonotonicTime, Keys& changed) {
                                      return keep_changed(engine.revoke(id), changed);
                                    });
  // That it had ended before is what was wanted.
  if (!outcome && outcome.error().kind == ErrorKind::not_found) co_return Result<void>();
  co_return outcome;
}

class MemoryClientLease final : public Lease {
 public:
  explicit MemoryClientLease(std::shared_ptr<LeaseState> state) : state_(std::move(state)) {}
  ~MemoryClientLease() override { state_->finish(LeaseState::End::dropped); }
  Duration timeout() const override { return state_->timeout; }
  MonotonicTime valid_until() const override { return state_->valid_until; }
  void keep_alive_while(std::function<bool()> healthy) override {
    if (state_->held()) state_->healthy = std::move(healthy);
  }
  Task<Result<void>> commit(Transaction transaction) override {
    return commit_with(state_, std::move(transaction));
  }
  Task<Result<void>> lost() override { return wait_for_loss(state_); }
  Task<Result<void>> revoke() override { return coordination::revoke(state_); }

 private:
  std::shared_ptr<LeaseState> state_;
};

}  // namespace

Task<Result<std::unique_ptr<Lease>>> grant_lease(Core core, Duration timeout) {
  const MonotonicTime sent = core->shard().now();
  const auto granted = co_await ask<MemoryEngine::Granted>(
      core, CallKind::grant,
      [timeout](MemoryEngine& engine, MonotonicTime now, Keys&) { return engine.grant(timeout, now); });
  if (!granted) co_return fail(granted.error());
  auto state = std::make_shared<LeaseState>();
  state->core = core;
  state->id = granted->lease;
  state->timeout = granted->timeout;
  state->valid_until = sent + granted->timeout;
  core->add(*state);
  core->shard().spawn(keep_alive(state, sent + granted->timeout / 3));
  co_return std::make_unique<MemoryClientLease>(std::move(state));
}

}  // namespace godwit::coordination
