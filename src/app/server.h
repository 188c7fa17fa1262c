// `godwit serve`: a broker and its HTTP port, from start to an orderly stop.
#pragma once

#include <memory>

#include "app/configuration.h"
#include "app/console_sink.h"
#include "app/engine.h"
#include "base/diagnostic.h"
#include "broker/broker.h"
#include "broker/service.h"
#include "durable/data_directory.h"
#include "gateway/gateway.h"
#include "metrics/registry.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"

namespace godwit::app {

// How the process ends.
enum ExitCode {
  kExitOk = 0,        // asked to stop, and everything was written
  kExitFailed = 1,    // could not start, or not stop in order: the last diagnostics say why
  kExitUsage = 2,     // flags, environment or configuration file are wrong; nothing was touched
  kExitSignal = 128,  // and the signal's number: told to leave at once
};

// Everything on shard 0 of `runtime`. What it is given outlives it.
class Server final : public broker::Service {
 public:
  Server(Configuration configuration, runtime::Runtime& runtime, ConsoleSink& diagnostics,
         metrics::Registry& metrics);

  // Serves until SIGTERM or SIGINT, then stops in order; SIGHUP reads the file again. One before the broker is ready ends a
  // managed etcd member, which takes some 5 s, and 8 s where the disk hangs, and then the process; a second one ends both at
  // once: a data directory is made for that. Gives an ExitCode.
  runtime::Task<int> run();

  Readiness readiness() const override;

 private:
  runtime::Task<void> heed_signals();
  // Ends the process, in the middle of its start.
  runtime::Task<void> leave_start(int signal);
  // The same at once, with what runs beside it.
  [[noreturn]] void leave_now(int signal);
  runtime::Task<void> reload();
  runtime::Task<bool> open_gateway();
  runtime::Task<bool> open_broker();
  runtime::Task<Result<void>> open_parts();
  runtime::Task<int> stop();
  void tell_ready(MonotonicTime began);

  enum class Stage { starting, leaving, serving, stopping };

  Configuration configuration_;
  runtime::Runtime& runtime_;
  ConsoleSink& diagnostics_;
  metrics::Registry& metrics_;
  Stage stage_ = Stage::starting;
  runtime::Condition stage_changed_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<durable::DataDirectory> directory_;  // its lock, first to be had and last to go
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<broker::Broker> broker_;
};

Severity severity_from(const config::Values& values);
Format format_from(const config::Values& values);

}  // namespace godwit::app
