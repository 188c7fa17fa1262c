// The coordination engine that the configuration names: chosen here and nowhere else.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/diagnostic.h"
#include "config/values.h"
#include "coordination/address.h"
#include "coordination/coordination.h"
#include "coordination/engine_member.h"
#include "model/broker_id.h"
#include "runtime/runtime.h"

namespace godwit::app {

// The store, and what runs beside it for this process. On shard 0; open(), then stop() in the end.
class Engine {
 public:
  virtual ~Engine() = default;
  // Once. Does not wait for a server to answer. Errors: those of reading the local file or TLS files, and of the folder of a
  // managed member; stop() follows all the same.
  virtual runtime::Task<Result<void>> open() = 0;
  // After open() went well.
  virtual coordination::Coordination& store() = 0;
  // Whether other brokers may use the same store.
  virtual bool shared() const = 0;
  // Tells the servers of the engine that brokers run themselves; null where they run none. What is given may be called between
  // open() and stop().
  using Members = std::function<runtime::Task<std::vector<coordination::EngineMember>>()>;
  virtual Members members() { return nullptr; }
  // Closes the store, then ends what was started for it.
  virtual runtime::Task<void> stop() = 0;
  // For a process that ends in the middle of its start, also while open() is under way or stop(): ends in order what was started
  // beside it, also by an earlier process, and leaves the store as it is. Within some 5 s; it waits for a disk that hangs, so
  // who calls sets a limit and then calls kill_beside().
  virtual runtime::Task<void> end_beside() { co_return; }
  // The same at once, and for good: nothing is started any more. For a process that ends now.
  virtual void kill_beside() {}
};

// For `data_dir` that is locked; nothing is touched before open(). Errors: invalid (managed etcd without its peers, …: the
// setting is named).
Result<std::unique_ptr<Engine>> make_engine(const config::Values& values, BrokerId broker,
                                            std::string data_dir, runtime::Runtime& runtime,
                                            DiagnosticSink& diagnostics);

}  // namespace godwit::app
