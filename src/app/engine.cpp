#include "app/engine.h"

#include "coordination/etcd/etcd_coordination.h"
#include "coordination/etcd/managed/managed_etcd.h"
#include "coordination/local/local_coordination.h"
#include "coordination/zookeeper/zookeeper_coordination.h"
#include "model/topic.h"
#include "runtime/real/real_processes.h"

namespace godwit::app {
namespace {

using coordination::Coordination;
using runtime::Task;

class Store final : public Engine {
 public:
  Store(std::unique_ptr<Coordination> store, bool shared) : store_(std::move(store)), shared_(shared) {}
  Coordination& store() override { return *store_; }
  bool shared() const override { return shared_; }
  Task<void> stop() override { co_await store_->close(); }

 private:
  std::unique_ptr<Coordination> store_;
  bool shared_;
};

// Several clusters may share one engine.
std::string root_of(const config::Values& values, const std::string& prefix) {
  return (prefix.empty() ? "/godwit" : prefix) + "/" + values.text("cluster.name");
}

// A setting that has no effect must not look as if it protected something.
Result<void> refuse_given(const config::Values& values, std::initializer_list<const char*> names,
                          const std::string& kind) {
  for (const char* const name : names) {
    if (!values.text(name).empty())
      return fail(ErrorKind::invalid, std::string(name) + ": " + kind + " has no use for it");
  }
  return {};
}

constexpr auto kUser = {"engine.user", "engine.password"};
constexpr auto kTls = {"engine.tls.ca", "engine.tls.certificate", "engine.tls.key"};

// The members speak TLS with each other and with brokers: each needs all three.
Result<coordination::etcd::MemberSettings> member_settings(const config::Values& values) {
  coordination::etcd::MemberSettings settings;
  settings.authority_file = values.text("engine.tls.ca");
  settings.certificate_file = values.text("engine.tls.certificate");
  settings.key_file = values.text("engine.tls.key");
  const bool any =
      !settings.authority_file.empty() || !settings.certificate_file.empty() || !settings.key_file.empty();
  const bool all =
      !settings.authority_file.empty() && !settings.certificate_file.empty() && !settings.key_file.empty();
  if (any && !all)
    return fail(ErrorKind::invalid,
                "managed-etcd:// needs all of engine.tls.ca, engine.tls.certificate and "
                "engine.tls.key, or none of them");
  return settings;
}

coordination::EtcdOptions etcd_options(const config::Values& values) {
  coordination::EtcdOptions options;
  options.user = values.text("engine.user");
  options.password = values.text("engine.password");
  options.authority_file = values.text("engine.tls.ca");
  options.certificate_file = values.text("engine.tls.certificate");
  options.key_file = values.text("engine.tls.key");
  options.tls = !options.authority_file.empty() || !options.certificate_file.empty();
  return options;
}

Task<Result<std::unique_ptr<Engine>>> open(const coordination::LocalAddress&, const config::Values& values,
                                           BrokerId, std::string data_dir, runtime::Runtime& runtime,
                                           DiagnosticSink&) {
  GW_TRY(co_return, refuse_given(values, kUser, "a local file"));
  GW_TRY(co_return, refuse_given(values, kTls, "a local file"));
  auto store = co_await coordination::LocalCoordination::open(
      runtime.files(), runtime::Shard::current()->random(), data_dir + "/coordination");
  if (!store) co_return fail(store.error());
  co_return std::make_unique<Store>(std::move(*store), false);
}

Task<Result<std::unique_ptr<Engine>>> open(const coordination::EtcdAddress& address,
                                           const config::Values& values, BrokerId, std::string,
                                           runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
  auto options = etcd_options(values);
  options.endpoints = address.servers;
  options.prefix = root_of(values, address.prefix);
  auto store = co_await coordination::EtcdCoordination::open(runtime, std::move(options), diagnostics);
  if (!store) co_return fail(store.error());
  co_return std::make_unique<Store>(std::move(*store), true);
}

Task<Result<std::unique_ptr<Engine>>> open(const coordination::ZooKeeperAddress& address,
                                           const config::Values& values, BrokerId, std::string,
                                           runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
  GW_TRY(co_return, refuse_given(values, kTls, "zookeeper://"));
  coordination::ZookeeperOptions options;
  for (const auto& server : address.servers) {
    if (!options.servers.empty()) options.servers += ",";
    options.servers += server.host + ":" + std::to_string(server.port);
  }
  options.root = root_of(values, address.path);
  options.user = values.text("engine.user");
  options.password = values.text("engine.password");
  co_return std::make_unique<Store>(
      coordination::open_zookeeper(runtime.shard(0), std::move(options), diagnostics), true);
}

// The member beside this broker, and the store that all members are.
class ManagedStore final : public Engine {
 public:
  explicit ManagedStore(std::unique_ptr<runtime::Processes> processes) : processes_(std::move(processes)) {}
  Task<Result<void>> start(const coordination::ManagedEtcdOptions& options, const std::string& root,
                           runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
    auto member = co_await coordination::ManagedEtcd::start(runtime, *processes_, options, diagnostics);
    if (!member) co_return fail(member.error());
    member_ = std::move(*member);
    auto store = co_await coordination::EtcdCoordination::open(runtime, member_->client(root), diagnostics);
    if (!store) co_return fail(store.error());
    store_ = std::move(*store);
    co_return Result<void>();
  }
  Coordination& store() override { return *store_; }
  bool shared() const override { return true; }
  Task<void> stop() override {
    if (store_) co_await store_->close();
    if (member_) co_await member_->stop();
  }

 private:
  std::unique_ptr<runtime::Processes> processes_;
  std::unique_ptr<coordination::ManagedEtcd> member_;
  std::unique_ptr<Coordination> store_;
};

Task<Result<std::unique_ptr<Engine>>> open(const coordination::ManagedEtcdAddress& address,
                                           const config::Values& values, BrokerId broker,
                                           std::string data_dir, runtime::Runtime& runtime,
                                           DiagnosticSink& diagnostics) {
  if (address.of(broker) == nullptr) {
    co_return fail(ErrorKind::invalid, "coordination: no member is named for broker " + to_string(broker) +
                                           "; managed-etcd://1@HOST:PORT,… names all brokers that run one, "
                                           "and further brokers are given the "
                                           "members as etcd://HOST:PORT,…");
  }
  GW_TRY(co_return, refuse_given(values, kUser, "managed-etcd://"));
  auto settings = member_settings(values);
  if (!settings) co_return fail(settings.error());
  auto managed = std::make_unique<ManagedStore>(runtime::make_real_processes());
  const coordination::ManagedEtcdOptions options{.address = address,
                                                 .broker = broker,
                                                 .folder = runtime::absolute_path(data_dir) + "/etcd",
                                                 .cluster = values.text("cluster.name"),
                                                 .settings = std::move(*settings)};
  if (auto started = co_await managed->start(options, root_of(values, ""), runtime, diagnostics); !started) {
    co_await managed->stop();
    co_return fail(started.error());
  }
  co_return std::move(managed);
}

}  // namespace

Task<Result<std::unique_ptr<Engine>>> open_engine(const config::Values& values, BrokerId broker,
                                                  std::string data_dir, runtime::Runtime& runtime,
                                                  DiagnosticSink& diagnostics) {
  const auto address = coordination::parse_address(values.text("coordination"));
  if (!address) co_return fail(ErrorKind::invalid, "coordination: " + address.error().message);
  const std::string name = values.text("cluster.name");
  if (const auto fault = topic_name_fault(name); !fault.empty())
    co_return fail(ErrorKind::invalid, "cluster.name: '" + name + "' " + std::string(fault));
  co_return co_await std::visit(
      [&](const auto& one) { return open(one, values, broker, std::move(data_dir), runtime, diagnostics); },
      *address);
}

}  // namespace godwit::app
