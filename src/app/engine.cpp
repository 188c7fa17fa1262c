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

// A store without anything beside it.
class Store final : public Engine {
 public:
  using Opened = Result<std::unique_ptr<Coordination>>;
  Store(std::function<Task<Opened>()> open, bool shared) : open_(std::move(open)), shared_(shared) {}
  Task<Result<void>> open() override {
    auto store = co_await open_();
    if (!store) co_return fail(store.error());
    store_ = std::move(*store);
    co_return Result<void>();
  }
  Coordination& store() override { return *store_; }
  bool shared() const override { return shared_; }
  Task<void> stop() override {
    if (store_) co_await store_->close();
  }

 private:
  std::function<Task<Opened>()> open_;
  std::unique_ptr<Coordination> store_;
  bool shared_;
};

using Made = Result<std::unique_ptr<Engine>>;

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

Made make(const coordination::LocalAddress&, const config::Values& values, BrokerId, std::string data_dir,
          runtime::Runtime& runtime, DiagnosticSink&) {
  GW_TRY(return, refuse_given(values, kUser, "a local file"));
  GW_TRY(return, refuse_given(values, kTls, "a local file"));
  const auto open = [&runtime, path = data_dir + "/coordination"]() -> Task<Store::Opened> {
    auto store = co_await coordination::LocalCoordination::open(runtime.files(),
                                                                runtime::Shard::current()->random(), path);
    if (!store) co_return fail(store.error());
    co_return std::move(*store);
  };
  return std::make_unique<Store>(open, false);
}

Made make(const coordination::EtcdAddress& address, const config::Values& values, BrokerId, std::string,
          runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
  auto options = etcd_options(values);
  options.endpoints = address.servers;
  options.prefix = root_of(values, address.prefix);
  const auto open = [&runtime, &diagnostics, options = std::move(options)]() -> Task<Store::Opened> {
    auto store = co_await coordination::EtcdCoordination::open(runtime, options, diagnostics);
    if (!store) co_return fail(store.error());
    co_return std::move(*store);
  };
  return std::make_unique<Store>(open, true);
}

Made make(const coordination::ZooKeeperAddress& address, const config::Values& values, BrokerId, std::string,
          runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
  GW_TRY(return, refuse_given(values, kTls, "zookeeper://"));
  coordination::ZookeeperOptions options;
  for (const auto& server : address.servers) {
    if (!options.servers.empty()) options.servers += ",";
    options.servers += server.host + ":" + std::to_string(server.port);
  }
  options.root = root_of(values, address.path);
  options.user = values.text("engine.user");
  options.password = values.text("engine.password");
  const auto open = [&runtime, &diagnostics, options = std::move(options)]() -> Task<Store::Opened> {
    co_return coordination::open_zookeeper(runtime.shard(0), options, diagnostics);
  };
  return std::make_unique<Store>(open, true);
}

// The member beside this broker, and the store that all members are.
class ManagedStore final : public Engine {
 public:
  ManagedStore(coordination::ManagedEtcdOptions options, std::string root, runtime::Runtime& runtime,
               DiagnosticSink& diagnostics)
      : options_(std::move(options)),
        root_(std::move(root)),
        runtime_(runtime),
        diagnostics_(diagnostics),
        processes_(runtime::make_real_processes()) {}
  Task<Result<void>> open() override {
    // Before anything is waited for, so that end_beside() reaches it while the member is not known yet. The data directory is
    // locked: no other broker lives on it whose member this could be.
    left_ = coordination::find_member(*processes_, options_.folder);
    // Nothing comes between the first step of the member and this: end_beside() reaches whatever was started.
    auto member = co_await coordination::ManagedEtcd::start(runtime_, *processes_, options_, diagnostics_);
    if (!member) co_return fail(member.error());
    member_ = std::move(*member);
    auto store =
        co_await coordination::EtcdCoordination::open(runtime_, member_->client(root_), diagnostics_);
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
  Task<void> end_beside() override {
    if (!member_ && left_) co_await coordination::end_member(*left_);
    // Also where the start went on meanwhile.
    if (member_) co_await member_->stop();
  }
  Members members() override {
    return [this] { return member_->members(); };
  }
  void kill_beside() override {
    if (member_) member_->kill();
    if (left_) left_->kill();
  }

 private:
  const coordination::ManagedEtcdOptions options_;
  const std::string root_;
  runtime::Runtime& runtime_;
  DiagnosticSink& diagnostics_;
  std::unique_ptr<runtime::Processes> processes_;
  // What an earlier process left; the member has it, too, once it is known.
  std::unique_ptr<runtime::Process> left_;
  std::unique_ptr<coordination::ManagedEtcd> member_;
  std::unique_ptr<Coordination> store_;
};

Made make(const coordination::ManagedEtcdAddress& address, const config::Values& values, BrokerId broker,
          std::string data_dir, runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
  if (address.of(broker) == nullptr) {
    return fail(ErrorKind::invalid, "coordination: no member is named for broker " + to_string(broker) +
                                        "; managed-etcd://1@HOST:PORT,… names all brokers that run one, "
                                        "and further brokers are given the "
                                        "members as etcd://HOST:PORT,…");
  }
  GW_TRY(return, refuse_given(values, kUser, "managed-etcd://"));
  auto settings = member_settings(values);
  if (!settings) return fail(settings.error());
  coordination::ManagedEtcdOptions options{.address = address,
                                           .broker = broker,
                                           .folder = runtime::absolute_path(data_dir) + "/etcd",
                                           .cluster = values.text("cluster.name"),
                                           .settings = std::move(*settings)};
  return std::make_unique<ManagedStore>(std::move(options), root_of(values, ""), runtime, diagnostics);
}

}  // namespace

Result<std::unique_ptr<Engine>> make_engine(const config::Values& values, BrokerId broker,
                                            std::string data_dir, runtime::Runtime& runtime,
                                            DiagnosticSink& diagnostics) {
  const auto address = coordination::parse_address(values.text("coordination"));
  if (!address) return fail(ErrorKind::invalid, "coordination: " + address.error().message);
  const std::string name = values.text("cluster.name");
  if (const auto fault = topic_name_fault(name); !fault.empty())
    return fail(ErrorKind::invalid, "cluster.name: '" + name + "' " + std::string(fault));
  return std::visit(
      [&](const auto& one) { return make(one, values, broker, std::move(data_dir), runtime, diagnostics); },
      *address);
}

}  // namespace godwit::app
