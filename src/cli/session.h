// What every command has at hand while it runs.
#pragma once

#include <string>

#include "cli/ask.h"
#include "cli/console.h"
#include "model/error_code.h"
#include "peer/cluster.h"
#include "runtime/runtime.h"

namespace godwit::cli {

enum ExitCode {
  kExitOk = 0,
  kExitFailed = 1,  // the broker said no, did not answer, or not for everything that was named
  kExitUsage = 2,   // the command line is wrong: nothing was done
};

struct Session {
  const Ask& ask;
  const Surroundings& surroundings;
  Console& console;
  runtime::Runtime& runtime;
  peer::Cluster& cluster;

  bool json() const { return ask.json; }
  // A line of an answer.
  void line(const std::string& text) { console.write(text + "\n"); }
  // What went wrong, as "godwit: …"; gives kExitFailed.
  int failed(const std::string& what);
  // With what a person may do about it.
  int failed(const Error& error);
  // What a broker answered about `what`: its own words where it gave any.
  int failed(const std::string& what, ErrorCode code, const std::optional<std::string>& message = {});
  std::string brokers() const;
};

// Sets the rate on all brokers, where one was asked for; false, and complains, where that fails.
runtime::Task<bool> set_throttle(Session& session, std::optional<int64_t> bytes_per_second);

// The commands; each prints its answer and gives an ExitCode.
runtime::Task<int> run(Session& session, const TopicCreate& ask);
runtime::Task<int> run(Session& session, const TopicList& ask);
runtime::Task<int> run(Session& session, const TopicDescribe& ask);
runtime::Task<int> run(Session& session, const TopicDelete& ask);
runtime::Task<int> run(Session& session, const TopicAlter& ask);
runtime::Task<int> run(Session& session, const TopicConfig& ask);
runtime::Task<int> run(Session& session, const TopicReassign& ask);
runtime::Task<int> run(Session& session, const TopicElect& ask);
runtime::Task<int> run(Session& session, const GroupList& ask);
runtime::Task<int> run(Session& session, const GroupDescribe& ask);
runtime::Task<int> run(Session& session, const GroupDelete& ask);
runtime::Task<int> run(Session& session, const GroupReset& ask);
runtime::Task<int> run(Session& session, const ClusterInfo& ask);
runtime::Task<int> run(Session& session, const ClusterConfig& ask);
runtime::Task<int> run(Session& session, const ClusterStatus& ask);
runtime::Task<int> run(Session& session, const ClusterEvents& ask);
runtime::Task<int> run(Session& session, const ClusterOrder& ask);
runtime::Task<int> run(Session& session, const ClusterRebalance& ask);
runtime::Task<int> run(Session& session, const ClusterThrottle& ask);
runtime::Task<int> run(Session& session, const ClusterUpgrade& ask);
runtime::Task<int> run(Session& session, const Produce& ask);
runtime::Task<int> run(Session& session, const Consume& ask);
runtime::Task<int> run(Session& session, const BenchProduce& ask);
runtime::Task<int> run(Session& session, const BenchConsume& ask);

}  // namespace godwit::cli
