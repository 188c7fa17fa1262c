#include "coordination/zookeeper/zookeeper_coordination.h"

#include "coordination/zookeeper/commit.h"
#include "coordination/zookeeper/reading.h"
#include "coordination/zookeeper/store.h"
#include "coordination/zookeeper/zookeeper_lease.h"

namespace godwit::coordination {
namespace {

using runtime::Task;
using zookeeper::Notice;
using zookeeper::Session;
using zookeeper::Store;

tl::unexpected<Error> closed_error() {
  return fail(ErrorKind::closed, "the coordination store was closed");
}

// What happens to the session without leases.
class SessionListener {
 public:
  explicit SessionListener(std::weak_ptr<Store> store) : store_(std::move(store)) {}
  void operator()(const Notice& notice) {
    const auto store = store_.lock();
    if (!store || store->closed) return;
    switch (notice.kind) {
      case Notice::Kind::connected:
        emit(*store, Severity::info, "coordination.connected", "connected to ZooKeeper");
        if (std::exchange(known_, true)) store->reconnected();
        break;
      case Notice::Kind::disconnected:
        emit(*store, Severity::warning, "coordination.disconnected",
             "the connection to ZooKeeper was lost; connecting again");
        break;
      case Notice::Kind::ended:
        emit(*store, Severity::warning, "coordination.session.ended",
             "ZooKeeper ended the session; beginning a new one");
        break;
      case Notice::Kind::node_changed:
        store->changes.node_changed(notice.path);
        break;
      case Notice::Kind::answered:
      case Notice::Kind::stopped:
        break;
    }
  }

 private:
  static void emit(Store& store, Severity severity, std::string name, std::string text) {
    store.diagnostics.emit(
        {severity, std::move(name), std::move(text), {{"servers", store.options.servers}}});
  }
  std::weak_ptr<Store> store_;
  bool known_ = false;
};

class ZookeeperCoordination final : public Coordination {
 public:
  explicit ZookeeperCoordination(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  ~ZookeeperCoordination() override { store_->close(); }

  Task<Result<std::optional<KeyValue>>> get(std::string key) override {
    if (store_->closed) co_return closed_error();
    co_return co_await zookeeper::get(store_, std::move(key));
  }
  Task<Result<std::vector<KeyValue>>> list(std::string prefix) override {
    if (store_->closed) co_return closed_error();
    co_return co_await zookeeper::list(store_, std::move(prefix));
  }
  Task<Result<void>> commit(Transaction transaction) override {
    for (const auto& write : transaction.writes)
      GW_CHECK(!write.leased, "a leased key is put through its lease");
    if (store_->closed) co_return closed_error();
    co_return co_await zookeeper::commit(store_, store_->session, std::move(transaction));
  }
  Task<Result<std::unique_ptr<Lease>>> grant(Duration timeout) override {
    if (store_->closed) co_return closed_error();
    co_return co_await zookeeper::grant(store_, timeout);
  }
  std::unique_ptr<Watch> watch(std::string prefix) override {
    return zookeeper::ChangeHub::watch(store_, std::move(prefix));
  }
  Task<void> close() override {
    const auto store = store_;
    store->close();
    co_await store->session->stopped(MonotonicTime::max());
    // A list may grow while it is waited for.
    while (!store->retired.empty()) {
      const auto one = store->retired.back();
      store->retired.pop_back();
      co_await one->stopped(MonotonicTime::max());
    }
  }

 private:
  std::shared_ptr<Store> store_;
};

}  // namespace

std::unique_ptr<Coordination> open_zookeeper(runtime::Shard& shard, ZookeeperOptions options,
                                             DiagnosticSink& diagnostics) {
  auto store = std::make_shared<Store>(shard, std::move(options), diagnostics);
  store->session = std::make_shared<Session>(
      shard, store->session_options(store->options.session_timeout, true),
      [listener = SessionListener(store)](const Notice& notice) mutable { listener(notice); });
  shard.spawn(zookeeper::ChangeHub::run(store));
  return std::make_unique<ZookeeperCoordination>(std::move(store));
}

}  // namespace godwit::coordination
