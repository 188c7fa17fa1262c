// Where a scenario of the contract runs, and the engine behind it: a simulated world for memory and the local file, the
// real runtime for engines that are servers.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "coordination/coordination.h"
#include "runtime/contract/world.h"
#include "runtime/runtime.h"
#include "runtime/sync.h"

namespace godwit::coordination {

// One scenario's world with one store, empty at the start. Made anew for each scenario.
class Host {
 public:
  using Scenario = std::function<runtime::Task<void>(runtime::Runtime&)>;
  virtual ~Host() = default;
  // Runs the scenario on shard 0 to its end; called once. A scenario that never ends is a failure.
  virtual void run(Scenario scenario) = 0;
  // One more client of the store, on the calling shard. An engine without a server gives one client only.
  virtual runtime::Task<std::unique_ptr<Coordination>> connect() = 0;
};

// Host of an engine whose server is a process (or a simulated one): what can befall it.
class ServerHost : public Host {
 public:
  // kill -9, and a start on what its disk holds. start() returns before the server answers.
  virtual void kill_server() = 0;
  virtual void start_server() = 0;
  // SIGSTOP and SIGCONT: connections stay, no answer comes.
  virtual void freeze_server() = 0;
  virtual void thaw_server() = 0;
};

using MakeHost = std::function<std::unique_ptr<Host>()>;
using MakeServerHost = std::function<std::unique_ptr<ServerHost>()>;

inline Bytes value_of(std::string_view text) {
  return to_bytes(text);
}

// Writes one key, whatever stands there.
inline runtime::Task<Result<void>> put(Coordination& store, std::string key, std::string value) {
  Transaction write;
  write.put(std::move(key), value_of(value));
  co_return co_await store.commit(std::move(write));
}

// The value as text; empty when the key is absent. An error is a failure of the test.
inline runtime::Task<std::optional<std::string>> read(Coordination& store, std::string key) {
  auto found = co_await store.get(key);
  if (!found) ADD_FAILURE() << "get " << key << ": " << found.error().describe();
  if (!found || !*found) co_return std::nullopt;
  co_return std::string(as_text((*found)->value));
}

// Asks again every 20 ms until `condition` gives true; false after `limit`.
inline runtime::Task<bool> eventually(std::function<runtime::Task<bool>()> condition,
                                      Duration limit = std::chrono::seconds(30)) {
  const MonotonicTime end = runtime::Shard::current()->now() + limit;
  while (!co_await condition()) {
    if (runtime::Shard::current()->now() > end) co_return false;
    co_await runtime::sleep_for(std::chrono::milliseconds(20));
  }
  co_return true;
}

}  // namespace godwit::coordination
