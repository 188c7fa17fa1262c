#include "cluster/roster.h"

#include "cluster/patience.h"

namespace godwit::cluster {

using runtime::Task;
using namespace std::chrono_literals;

namespace {

// How soon a store that went away is noticed. Leases last longer.
constexpr Duration kReadEvery = 1s;

}  // namespace

Roster::Roster(coordination::Coordination& store, Bell& bell, DiagnosticSink& diagnostics,
               Duration session_timeout)
    : store_(store), bell_(bell), diagnostics_(diagnostics), session_timeout_(session_timeout) {}

Roster::~Roster() = default;

// Ends with the store; destroyed with the roster.
Task<void> Roster::listen(coordination::Watch& watch) {
  while (co_await watch.changed()) {
    ++asked_;
    wish_.notify_all();
  }
}

Task<void> Roster::run() {
  // Before the first read, so that no change falls between.
  office_watch_ = store_.watch(std::string(keys::kController));
  brokers_watch_ = store_.watch(std::string(keys::kBrokers));
  office_listener_ = listen(*office_watch_);
  office_listener_.start();
  brokers_listener_ = listen(*brokers_watch_);
  brokers_listener_.start();

  Patience patience("coordination", "the coordination store", bell_, diagnostics_);
  while (!bell_.closed()) {
    const uint64_t reading = asked_;
    const auto done = co_await read();
    answered_ = reading;
    done_.notify_all();
    if (!done) {
      if (reachable_) {
        reachable_ = false;
        bell_.ring();
      }
      co_await patience.pause(done.error());
      continue;
    }
    patience.over();
    const MonotonicTime next = runtime::Shard::current()->now() + kReadEvery;
    while (!bell_.closed() && asked_ == answered_) {
      if (!co_await wish_.wait_until(next)) break;
    }
  }
  office_listener_ = {};
  brokers_listener_ = {};
  answered_ = UINT64_MAX;
  done_.notify_all();
}

Task<void> Roster::refresh() {
  const uint64_t mine = ++asked_;
  wish_.notify_all();
  while (answered_ < mine && !bell_.closed()) co_await done_.wait();
}

Task<Result<void>> Roster::read() {
  const MonotonicTime began = runtime::Shard::current()->now();
  // The office first: so its holder's registration, which is older, is not missed.
  auto office = co_await store_.get(std::string(keys::kController));
  if (!office) co_return fail(office.error());
  auto listed = co_await store_.list(std::string(keys::kBrokers));
  if (!listed) co_return fail(listed.error());

  const coordination::Version office_version = *office ? (*office)->version : coordination::kAbsent;
  std::optional<Holder> holder;
  if (*office) {
    auto read = to_holder(**office);
    if (read) {
      holder = std::move(*read);
    } else {
      tell_damage(read.error());
    }
  }
  std::map<BrokerId, Registered> brokers;
  for (const auto& entry : *listed) {
    auto read = to_registered(entry);
    if (read) {
      brokers[read->info.id] = std::move(*read);
    } else {
      tell_damage(read.error());
    }
  }
  // Nothing is known of what happened in a gap: neither of one that the store made, nor of one in which this process slept.
  if (!reachable_ || began - last_read_ > session_timeout_) back_since_ = began;
  last_read_ = began;
  const bool different =
      !known_ || !reachable_ || holder != holder_ || brokers != brokers_ || office_version != office_version_;
  if (holder_ && (!holder || holder->fence != holder_->fence)) {
    const auto registered = brokers.find(holder_->id);
    past_ = Past{*holder_, registered != brokers.end() && registered->second.lease == holder_->lease};
  }
  known_ = true;
  reachable_ = true;
  ++reads_;
  holder_ = std::move(holder);
  office_version_ = office_version;
  brokers_ = std::move(brokers);
  if (different) bell_.ring();
  co_return Result<void>();
}

void Roster::tell_damage(const Error& error) {
  if (!told_.insert(error.message).second || told_.size() > 1000) return;
  diagnostics_.emit({Severity::error,
                     "coordination.damaged",
                     "a key in the coordination store makes no sense and is ignored; remove it",
                     {{"error", error.message}}});
}

}  // namespace godwit::cluster
