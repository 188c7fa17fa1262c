// A data directory: who owns it, and that nobody else uses it.
//
//   auto directory = co_await DataDirectory::open(files, {.path = "/var/lib/godwit", .broker_id = 1}, random,
//                                                 diagnostics);
//   (*directory)->identity().storage_id   …   (*directory)->is_fresh()
//
// It holds the lock while it lives. The identity is made once, in two copies (identity.a, identity.b). A
// directory without a valid one is empty, and is_fresh() says so, to be told to the cluster: what of a broker
// is in it is put aside into set-aside-N/, never deleted. A directory that holds anything else is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/diagnostic.h"
#include "base/uuid.h"
#include "runtime/file.h"
#include "runtime/random.h"

namespace godwit::durable {

struct Identity {
  Uuid cluster_id;
  int32_t broker_id = 0;
  Uuid storage_id;  // random, made with the directory: an emptied disk comes back under another
};

struct DataDirectoryOptions {
  std::string path;  // made when missing, with its parents
  int32_t broker_id = 0;
  // The cluster that this broker belongs to. Empty: the one that the directory names, or a new one.
  std::optional<Uuid> cluster_id{};
  // Asked for the cluster's id when a new directory belongs to none yet and cluster_id is empty; not given: a new random one.
  // Its error is open()'s. The lock is held meanwhile.
  std::function<runtime::Task<Result<Uuid>>()> choose_cluster{};
};

class DataDirectory {
 public:
  // Errors, each with a text that says what to do: conflict (another process uses it), invalid (it belongs to
  // another broker or cluster, or holds what is not a broker's), unsupported (made by a newer version),
  // permission (read-only), no_space, io. Nothing is changed then, but for the file "lock".
  static runtime::Task<Result<std::unique_ptr<DataDirectory>>> open(runtime::FileSystem& files,
                                                                    DataDirectoryOptions options,
                                                                    runtime::Random& random,
                                                                    DiagnosticSink& diagnostics);

  const std::string& path() const { return path_; }
  const Identity& identity() const { return identity_; }
  // Made by this call: it holds nothing.
  bool is_fresh() const { return fresh_; }
  // Where what was found without a valid identity is now; empty when there was nothing.
  const std::string& set_aside() const { return set_aside_; }

 private:
  friend class DataDirectoryOpener;
  DataDirectory() = default;
  std::string path_;
  Identity identity_;
  bool fresh_ = false;
  std::string set_aside_;
  std::unique_ptr<runtime::FileLock> lock_;
};

}  // namespace godwit::durable
