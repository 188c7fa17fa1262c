#include "app/server.h"

#include <cstdlib>

#include "app/version.h"
#include "cluster/cluster_id.h"
#include "config/printing.h"
#include "runtime/real/machine.h"
#include "runtime/real/signals.h"
#include "runtime/real/start_pages.h"

namespace godwit::app {
namespace {

using runtime::Task;

// For the line that says so to reach standard error, where somebody reads it.
constexpr Duration kLastWords = std::chrono::milliseconds(50);
// For what runs beside a start that is left to end in order, which takes some 5 s; where the disk hangs it never does.
constexpr Duration kEndBesideMax = std::chrono::seconds(8);

std::string signal_name(int signal) {
  switch (signal) {
    case runtime::kSignalInterrupt:
      return "SIGINT";
    case runtime::kSignalTerminate:
      return "SIGTERM";
    default:
      return "signal " + std::to_string(signal);
  }
}

}  // namespace

Severity severity_from(const config::Values& values) {
  const std::string& level = values.text("diagnostics.level");
  for (const Severity severity : {Severity::debug, Severity::info, Severity::warning}) {
    if (to_string(severity) == level) return severity;
  }
  return Severity::error;
}

Format format_from(const config::Values& values) {
  return values.text("diagnostics.format") == "json" ? Format::json : Format::text;
}

Server::Server(Configuration configuration, runtime::Runtime& runtime, ConsoleSink& diagnostics,
               metrics::Registry& metrics)
    : configuration_(std::move(configuration)),
      runtime_(runtime),
      diagnostics_(diagnostics),
      metrics_(metrics) {}

Task<int> Server::run() {
  const MonotonicTime began = runtime_.shard(0).now();
  runtime_.shard(0).spawn(heed_signals());
  diagnostics_.emit({Severity::info,
                     "broker.starting",
                     version_line(),
                     {{"data_dir", configuration_.broker().store.directory}}});
  // The HTTP port first: a probe sees that the process lives while a long recovery goes on.
  if (!co_await open_gateway()) co_return kExitFailed;
  const bool opened = co_await open_broker();
  // leave_start() ends the process.
  while (stage_ == Stage::leaving) co_await stage_changed_.wait();
  if (!opened) {
    if (gateway_) co_await gateway_->stop();
    co_return kExitFailed;
  }
  stage_ = Stage::serving;
  tell_ready(began);
  runtime::real::release_start_pages();
  while (stage_ == Stage::serving) co_await stage_changed_.wait();
  co_return co_await stop();
}

Task<bool> Server::open_gateway() {
  const auto& options = configuration_.gateway();
  if (!options.at) co_return true;
  auto started = co_await gateway::Gateway::start(options, runtime_, *this, metrics_, diagnostics_);
  if (!started) {
    diagnostics_.emit({Severity::error,
                       "http.not_started",
                       "the HTTP port cannot be opened: " + started.error().describe() +
                           "; --http HOST:PORT chooses another one, --http off none",
                       {{"setting", "http.address"}}});
    co_return false;
  }
  gateway_ = std::move(*started);
  co_return true;
}

Task<Result<void>> Server::open_parts() {
  broker::BrokerOptions options = configuration_.broker();
  options.features = features();
  if (gateway_) options.http_address = to_string(gateway_->address());
  // A new directory becomes part of the cluster that the store belongs to, so that one is asked first.
  const auto open_store = [this, &options]() -> Task<Result<void>> {
    auto engine =
        make_engine(configuration_.values(), options.id, options.store.directory, runtime_, diagnostics_);
    if (!engine) co_return fail(engine.error());
    // Before anything is started for it: leave_start() ends that.
    engine_ = std::move(*engine);
    co_return co_await engine_->open();
  };
  durable::DataDirectoryOptions directory_options{.path = options.store.directory,
                                                  .broker_id = options.id.value(),
                                                  .cluster_id = Uuid::parse(options.cluster_id)};
  if (options.clustered) {
    directory_options.choose_cluster = [&]() -> Task<Result<Uuid>> {
      GW_TRY(co_return, co_await open_store());
      co_return co_await cluster::find_or_form_cluster(engine_->store(), runtime_, diagnostics_, features());
    };
  }
  auto directory = co_await durable::DataDirectory::open(runtime_.files(), directory_options,
                                                         runtime_.shard(0).random(), diagnostics_);
  if (!directory) co_return fail(directory.error());
  directory_ = std::move(*directory);
  options.cluster_id = to_string(directory_->identity().cluster_id);
  options.storage_id = directory_->identity().storage_id;
  options.store.boot_id = runtime::real::read_boot_id();
  if (!engine_) GW_TRY(co_return, co_await open_store());
  options.engine_members = engine_->members();
  options.was_member = engine_->shared() && !directory_->is_fresh();
  auto started =
      co_await broker::Broker::start(std::move(options), runtime_, engine_->store(), diagnostics_, metrics_);
  if (!started) co_return fail(started.error());
  broker_ = std::move(*started);
  co_return Result<void>();
}

Task<bool> Server::open_broker() {
  const auto opened = co_await open_parts();
  if (!opened && stage_ != Stage::leaving) {
    diagnostics_.emit({Severity::error,
                       "broker.not_started",
                       "the broker cannot start: " + opened.error().describe(),
                       {{"data_dir", configuration_.broker().store.directory}}});
    if (engine_) co_await engine_->stop();
  }
  co_return opened.has_value();
}

void Server::tell_ready(MonotonicTime began) {
  std::string addresses;
  for (const auto& address : broker_->addresses()) {
    if (!addresses.empty()) addresses += ",";
    addresses += to_string(address);
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(runtime_.shard(0).now() - began);
  diagnostics_.emit({Severity::info,
                     "broker.ready",
                     "serves clients",
                     {{"kafka", addresses},
                      {"http", gateway_ ? to_string(gateway_->address()) : "off"},
                      {"broker_id", to_string(broker_->options().id)},
                      {"cluster_id", broker_->metadata().image()->cluster_id},
                      {"data_dir", configuration_.broker().store.directory},
                      {"ms", std::to_string(took.count())}}});
}

Task<int> Server::stop() {
  diagnostics_.emit({Severity::info, "broker.stopping",
                     "lets requests under way end, then writes its state; a second "
                     "signal ends the process at once"});
  int code = kExitOk;
  if (const auto stopped = co_await broker_->stop(); !stopped) {
    diagnostics_.emit({Severity::error, "broker.not_stopped_in_order",
                       "nothing that was acknowledged is lost, but the next start takes longer: " +
                           stopped.error().describe()});
    code = kExitFailed;
  }
  if (gateway_) co_await gateway_->stop();
  broker_.reset();
  co_await engine_->stop();
  diagnostics_.emit({Severity::info, "broker.stopped", "everything is written"});
  co_return code;
}

broker::Service::Readiness Server::readiness() const {
  if (stage_ == Stage::stopping || stage_ == Stage::leaving) return {false, "the broker is stopping"};
  if (stage_ == Stage::starting || !broker_->ready()) {
    return {false,
            "the broker is starting: it waits for the coordination service, or recovers its data directory"};
  }
  const auto health = broker_->store().health();
  if (health.writable && health.space_left) return {true, "ready"};
  return {false, health.reason.empty() ? "the data directory takes no writes" : health.reason};
}

Task<void> Server::heed_signals() {
  for (;;) {
    const int signal = co_await runtime::wait_for_signal(
        {runtime::kSignalTerminate, runtime::kSignalInterrupt, runtime::kSignalHangUp});
    if (signal == runtime::kSignalHangUp) {
      co_await reload();
    } else if (stage_ == Stage::serving) {
      stage_ = Stage::stopping;
      stage_changed_.notify_all();
    } else if (stage_ == Stage::starting) {
      stage_ = Stage::leaving;
      runtime_.shard(0).spawn(leave_start(signal));
    } else {
      diagnostics_.emit(
          {Severity::warning, "broker.left",
           signal_name(signal) +
               " for the second time: leaves at once; the next start recovers what was acknowledged"});
      co_await runtime::sleep_for(kLastWords);
      leave_now(signal);
    }
  }
}

Task<void> Server::leave_start(int signal) {
  const bool runs_members = engine_ && engine_->members();
  diagnostics_.emit({Severity::warning, "broker.left",
                     signal_name(signal) + " before the broker was ready: " +
                         (runs_members ? "ends the etcd member beside it and leaves" : "leaves at once") +
                         "; the next start recovers what was acknowledged"});
  runtime::Timer limit(runtime_.shard(0));
  limit.start(runtime_.shard(0).now() + kEndBesideMax, [this, signal] { leave_now(signal); });
  if (engine_) co_await engine_->end_beside();
  co_await runtime::sleep_for(kLastWords);
  leave_now(signal);
}

void Server::leave_now(int signal) {
  // A start went on meanwhile: what it began since goes with the process.
  if (engine_) engine_->kill_beside();
  std::_Exit(kExitSignal + signal);
}

Task<void> Server::reload() {
  auto next = co_await configuration_.reload(runtime_);
  if (!next) {
    for (const auto& problem : next.error()) {
      diagnostics_.emit(
          {Severity::error, "config.not_reloaded", to_string(problem) + "; what held goes on to hold"});
    }
    co_return;
  }
  const auto changes = config::compare(configuration_.known(), configuration_.values(), next->values());
  for (const auto& change : changes) {
    const auto* const setting = configuration_.known().find(change.name);
    Diagnostic told{change.restart ? Severity::warning : Severity::info,
                    "config.changed",
                    change.restart ? "takes effect at the next start" : "takes effect now",
                    {{"setting", change.name}}};
    if (!setting->secret) {
      told.fields.emplace_back("before", config::shown(*setting, change.before.text));
      told.fields.emplace_back("after", config::shown(*setting, change.after.text));
    }
    diagnostics_.emit(told);
    if (!change.restart) configuration_.adopt(change);
  }
  diagnostics_.set_least(severity_from(configuration_.values()));
  diagnostics_.emit(
      {Severity::info,
       "config.reloaded",
       changes.empty() ? "nothing changed" : std::to_string(changes.size()) + " settings changed",
       {{"file", configuration_.file()}}});
}

}  // namespace godwit::app
