// Coordination by an etcd cluster (API v3).
//
//   auto store = co_await EtcdCoordination::open(runtime, {.endpoints = {{"10.0.0.1", 2379}}, .prefix = "/godwit/main"},
//                                                diagnostics);
//
// open() does not wait for etcd: while no endpoint answers, calls give unavailable, and each tries anew. Reads are
// linearizable. Of a write that was sent and not answered within 500 ms the outcome is timed_out; one that could not be
// sent is tried elsewhere for up to 1.5 s, then unavailable. Besides what coordination.h names, calls end with permission
// (user, password or rights are wrong) and commit with no_space (etcd's quota is used up).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "coordination/coordination.h"
#include "runtime/runtime.h"

namespace godwit::coordination {

struct EtcdOptions {
  std::vector<runtime::Endpoint> endpoints;  // at least one
  // Before each key, such as "/godwit/NAME"; begins with '/' and does not end with it; may be empty.
  std::string prefix;
  std::string user;  // empty: none
  std::string password;
  // TLS where one of these is given: paths of PEM files. Without an authority the system's are trusted; certificate and
  // key, both or none, are what etcd knows this client by.
  bool tls = false;
  std::string authority_file;
  std::string certificate_file;
  std::string key_file;
  Duration attempt_timeout = std::chrono::milliseconds(500);  // one question to one endpoint
  Duration call_timeout = std::chrono::milliseconds(1500);    // a call with all its attempts, about
};

class EtcdCoordination final : public Coordination {
 public:
  // On the shard that will use it. `runtime` and `diagnostics` must outlive it. Errors: invalid (options that contradict
  // each other), and those of reading the TLS files.
  static runtime::Task<Result<std::unique_ptr<EtcdCoordination>>> open(runtime::Runtime& runtime,
                                                                       EtcdOptions options,
                                                                       DiagnosticSink& diagnostics);
  // close() goes before; the leases and watches that it gave may outlive it.
  ~EtcdCoordination() override;

  runtime::Task<Result<std::optional<KeyValue>>> get(std::string key) override;
  runtime::Task<Result<std::vector<KeyValue>>> list(std::string prefix) override;
  runtime::Task<Result<void>> commit(Transaction transaction) override;
  runtime::Task<Result<std::unique_ptr<Lease>>> grant(Duration timeout) override;
  std::unique_ptr<Watch> watch(std::string prefix) override;
  runtime::Task<void> close() override;

 private:
  struct Core;
  class EtcdWatch;
  class EtcdLease;
  explicit EtcdCoordination(std::shared_ptr<Core> core);

  std::shared_ptr<Core> core_;
};

}  // namespace godwit::coordination
