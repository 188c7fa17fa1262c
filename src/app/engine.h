// The coordination engine that the configuration names: chosen here and nowhere else.
#pragma once

#include <memory>

#include "base/diagnostic.h"
#include "config/values.h"
#include "coordination/address.h"
#include "coordination/coordination.h"
#include "model/broker_id.h"
#include "runtime/runtime.h"

namespace godwit::app {

// What runs beside the store for this process; stop() in the end.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual coordination::Coordination& store() = 0;
  // Whether other brokers may use the same store.
  virtual bool shared() const = 0;
  // Closes the store, then ends what was started for it.
  virtual runtime::Task<void> stop() = 0;
};

// For `data_dir` that is locked. Does not wait for a server to answer. Errors: those of reading the local file or TLS files; invalid
// (managed etcd without its peers, …: the setting is named).
runtime::Task<Result<std::unique_ptr<Engine>>> open_engine(const config::Values& values, BrokerId broker,
                                                           std::string data_dir, runtime::Runtime& runtime,
                                                           DiagnosticSink& diagnostics);

}  // namespace godwit::app
