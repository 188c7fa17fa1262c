#include "coordination/etcd/etcd_coordination.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordination/etcd/lease.h"
#include "coordination/etcd/watches.h"

namespace godwit::coordination {

using runtime::Task;
using namespace etcd;

namespace {

// So many entries of a list are asked for at once; fewer where they are too large for one answer.
constexpr int64_t kPageEntries = 1000;
constexpr size_t kPemBytesMax = 1 << 20;

Result<void> check(const Transaction& transaction) {
  size_t bytes = 0;
  for (const auto& write : transaction.writes)
    bytes += write.key.size() + (write.value ? write.value->size() : 0);
  if (transaction.conditions.size() + transaction.writes.size() > kTransactionOperationsMax ||
      bytes > kTransactionBytesMax) {
    return fail(ErrorKind::limit, "a transaction has at most 128 operations and 1 MB");
  }
  return {};
}

Task<Result<std::string>> read_pem(runtime::FileSystem& files, std::string path) {
  if (path.empty()) co_return std::string();
  auto bytes = co_await runtime::read_file(files, path, kPemBytesMax);
  if (!bytes) co_return fail(bytes.error().kind, path + ": " + bytes.error().message);
  co_return std::string(as_text(*bytes));
}

tl::unexpected<Error> closed() {
  return fail(ErrorKind::closed, "the coordination store was closed");
}

}  // namespace

struct EtcdCoordination::Core : std::enable_shared_from_this<Core> {
  Core(runtime::Shard& home, WireOptions wire_options, SessionOptions session_options, std::string root,
       DiagnosticSink& sink)
      : shard(home),
        diagnostics(sink),
        prefix(std::move(root)),
        wire(home, std::move(wire_options)),
        session(wire, std::move(session_options), sink),
        watches(wire, session) {}

  void see(int64_t revision) { revision_known = std::max(revision_known, revision); }
  // A key or prefix as it stands in etcd. All keys begin with '/', so that "" is not also the next cluster's.
  std::string full_prefix(const std::string& of) const { return of.empty() ? prefix + "/" : prefix + of; }

  Task<Result<void>> commit(Transaction transaction, int64_t lease);
  Task<Reply<std::vector<KeyValue>>> list(std::string begin);
  static Task<void> run_watches(std::shared_ptr<Core> core) { co_await core->watches.run(); }
  static Task<void> run_lease(std::shared_ptr<Core> core, std::shared_ptr<LeaseState> lease) {
    co_await keep_alive(core->wire, core->session, std::move(lease));
  }

  runtime::Shard& shard;
  DiagnosticSink& diagnostics;
  const std::string prefix;
  Wire wire;
  Session session;
  Watches watches;
  std::vector<std::weak_ptr<LeaseState>> leases;
  int64_t revision_known = 0;
  runtime::Gate gate;
};

Task<Result<void>> EtcdCoordination::Core::commit(Transaction transaction, int64_t lease) {
  const auto self = shared_from_this();
  GW_TRY(co_return, check(transaction));
  const auto answer = co_await session.write<TransactionReply>(
      [&](size_t at) { return wire.transact(at, transaction, prefix, lease); });
  if (!answer) co_return fail(to_error(answer.error(), true));
  see(answer->revision);
  if (!answer->succeeded) co_return fail(ErrorKind::conflict, "a key was changed by somebody else");
  co_return Result<void>();
}

Task<Reply<std::vector<KeyValue>>> EtcdCoordination::Core::list(std::string begin) {
  const auto self = shared_from_this();
  const std::string end = end_of_prefix(begin);
  std::vector<KeyValue> all;
  RangeAsk ask{.key = begin, .end = end, .limit = kPageEntries};
  for (;;) {
    auto page = co_await session.read<RangePage>([&](size_t at) { return wire.range(at, ask); });
    if (!page) {
      if (page.error().kind == Failure::Kind::too_large && ask.limit > 1) {
        ask.limit = std::max<int64_t>(1, ask.limit / 8);
        continue;
      }
      if (page.error().kind != Failure::Kind::compacted) co_return tl::unexpected(std::move(page).error());
      // The revision of the first page is gone: a list that took so long begins anew.
      all.clear();
      ask = {.key = begin, .end = end, .limit = kPageEntries};
      continue;
    }
    see(page->revision);
    // All pages show the store at the same moment.
    if (ask.revision == 0) ask.revision = page->revision;
    for (auto& entry : page->entries) {
      ask.key = entry.key;
      entry.key.erase(0, prefix.size());
      all.push_back(std::move(entry));
    }
    if (!page->more || page->entries.empty()) co_return all;
    ask.key += '\0';  // the smallest key behind the last one
  }
}

class EtcdCoordination::EtcdWatch final : public Watch {
 public:
  EtcdWatch(std::shared_ptr<Core> core, const std::string& prefix)
      : core_(std::move(core)),
        watched_(core_->watches.add(core_->full_prefix(prefix), core_->revision_known)) {}
  ~EtcdWatch() override { core_->watches.forget(watched_); }
  Task<Result<void>> changed() override {
    const auto core = core_;
    const auto watched = watched_;
    while (!watched->news) {
      if (core->watches.stopped()) co_return closed();
      co_await watched->arrived.wait();
    }
    if (core->watches.stopped()) co_return closed();
    watched->news = false;
    co_return Result<void>();
  }

 private:
  std::shared_ptr<Core> core_;
  std::shared_ptr<Watches::Watched> watched_;
};

class EtcdCoordination::EtcdLease final : public Lease {
 public:
  EtcdLease(std::shared_ptr<Core> core, std::shared_ptr<LeaseState> state)
      : core_(std::move(core)), state_(std::move(state)) {}
  ~EtcdLease() override {
    state_->abandoned = true;
    state_->changed.notify_all();
  }
  Duration timeout() const override { return state_->timeout; }
  MonotonicTime valid_until() const override { return state_->valid_until; }
  void keep_alive_while(std::function<bool()> healthy) override { state_->healthy = std::move(healthy); }
  Task<Result<void>> commit(Transaction transaction) override {
    const auto core = core_;
    const auto state = state_;
    if (core->wire.closed()) co_return closed();
    if (state->over()) co_return fail(ErrorKind::not_found, "the lease has ended");
    auto outcome = co_await core->commit(std::move(transaction), state->id);
    if (!outcome && outcome.error().kind == ErrorKind::not_found && !state->over()) {
      state->expired = true;
      state->valid_until = MonotonicTime::min();
      state->changed.notify_all();
    }
    co_return outcome;
  }
  Task<Result<void>> lost() override {
    const auto state = state_;
    while (!state->over()) co_await state->changed.wait();
    if (state->expired) co_return Result<void>();
    co_return fail(ErrorKind::closed, "the lease was revoked, or its store closed");
  }
  Task<Result<void>> revoke() override {
    const auto core = core_;
    const auto state = state_;
    if (core->wire.closed()) co_return closed();
    const bool ended = state->expired;
    state->revoked = true;
    state->valid_until = MonotonicTime::min();
    state->changed.notify_all();
    if (ended) co_return Result<void>();
    // Revoking twice is no harm, so an unknown outcome is asked again.
    const auto answer =
        co_await core->session.read<Done>([&](size_t at) { return core->wire.revoke(at, state->id); });
    if (!answer && answer.error().kind != Failure::Kind::not_found)
      co_return fail(to_error(answer.error(), true));
    co_return Result<void>();
  }

 private:
  std::shared_ptr<Core> core_;
  std::shared_ptr<LeaseState> state_;
};

EtcdCoordination::EtcdCoordination(std::shared_ptr<Core> core) : core_(std::move(core)) {}
EtcdCoordination::~EtcdCoordination() = default;

Task<Result<std::unique_ptr<EtcdCoordination>>> EtcdCoordination::open(runtime::Runtime& runtime,
                                                                       EtcdOptions options,
                                                                       DiagnosticSink& diagnostics) {
  if (options.endpoints.empty()) co_return fail(ErrorKind::invalid, "etcd: no endpoint is named");
  if (!options.prefix.empty() && (!options.prefix.starts_with('/') || options.prefix.ends_with('/')))
    co_return fail(ErrorKind::invalid, "etcd: the prefix begins with '/' and does not end with it");
  if (options.certificate_file.empty() != options.key_file.empty())
    co_return fail(ErrorKind::invalid, "etcd: a certificate and its key are given together");
  WireOptions wire{.endpoints = std::move(options.endpoints), .attempt_timeout = options.attempt_timeout};
  wire.tls = options.tls || !options.authority_file.empty() || !options.certificate_file.empty();
  auto authority = co_await read_pem(runtime.files(), options.authority_file);
  if (!authority) co_return fail(authority.error());
  auto certificate = co_await read_pem(runtime.files(), options.certificate_file);
  if (!certificate) co_return fail(certificate.error());
  auto key = co_await read_pem(runtime.files(), options.key_file);
  if (!key) co_return fail(key.error());
  wire.authority = std::move(*authority);
  wire.certificate = std::move(*certificate);
  wire.key = std::move(*key);
  SessionOptions session{std::move(options.user), std::move(options.password), wire.tls,
                         options.call_timeout};
  runtime::Shard& shard = *runtime::Shard::current();
  auto core = std::make_shared<Core>(shard, std::move(wire), std::move(session), std::move(options.prefix),
                                     diagnostics);
  core->gate.spawn(shard, Core::run_watches(core));
  co_return std::unique_ptr<EtcdCoordination>(new EtcdCoordination(std::move(core)));
}

Task<Result<std::optional<KeyValue>>> EtcdCoordination::get(std::string key) {
  const auto core = core_;
  const RangeAsk ask{.key = core->prefix + key};
  auto page = co_await core->session.read<RangePage>([&](size_t at) { return core->wire.range(at, ask); });
  if (!page) co_return fail(to_error(page.error(), false));
  core->see(page->revision);
  if (page->entries.empty()) co_return std::optional<KeyValue>();
  KeyValue found = std::move(page->entries.front());
  found.key = std::move(key);
  co_return std::optional<KeyValue>(std::move(found));
}

Task<Result<std::vector<KeyValue>>> EtcdCoordination::list(std::string prefix) {
  const auto core = core_;
  auto all = co_await core->list(core->full_prefix(prefix));
  if (!all) co_return fail(to_error(all.error(), false));
  co_return std::move(*all);
}

Task<Result<void>> EtcdCoordination::commit(Transaction transaction) {
  for (const auto& write : transaction.writes)
    GW_CHECK(!write.leased, "a leased key is put through its lease");
  return core_->commit(std::move(transaction), 0);
}

Task<Result<std::unique_ptr<Lease>>> EtcdCoordination::grant(Duration timeout) {
  const auto core = core_;
  MonotonicTime sent{};
  auto answer = co_await core->session.write<LeaseReply>([&](size_t at) {
    sent = core->shard.now();
    return core->wire.grant(at, timeout);
  });
  if (!answer) co_return fail(to_error(answer.error(), true));
  if (answer->timeout > timeout + std::chrono::seconds(1)) {
    core->diagnostics.emit(
        {Severity::warning,
         "coordination.lease_longer",
         "etcd granted a longer lease than was asked for: a dead holder is noticed later",
         {{"asked", fmt::format("{} ms", timeout / std::chrono::milliseconds(1))},
          {"granted", fmt::format("{} ms", answer->timeout / std::chrono::milliseconds(1))}}});
  }
  auto state = std::make_shared<LeaseState>();
  state->id = answer->id;
  state->timeout = answer->timeout;
  state->valid_until = sent + answer->timeout;
  std::erase_if(core->leases, [](const auto& lease) { return lease.expired(); });
  core->leases.push_back(state);
  if (!core->gate.spawn(core->shard, Core::run_lease(core, state))) co_return closed();
  co_return std::make_unique<EtcdLease>(core, std::move(state));
}

std::unique_ptr<Watch> EtcdCoordination::watch(std::string prefix) {
  return std::make_unique<EtcdWatch>(core_, prefix);
}

Task<void> EtcdCoordination::close() {
  const auto core = core_;
  core->wire.close();
  core->watches.stop();
  for (const auto& lease : core->leases) {
    const auto state = lease.lock();
    if (!state) continue;
    state->closed = true;
    state->changed.notify_all();
  }
  co_await core->gate.close();
}

}  // namespace godwit::coordination
