// The real runtime as the host of an engine with a server. What is the engine's own (how a client is made, how the server
// is started) comes from who derives.
#pragma once

#include "base/diagnostic.h"
#include "coordination/contract/host_testing.h"
#include "runtime/real/real_runtime.h"

namespace godwit::coordination {

// The real runtime with one shard, for one scenario.
class RealStage {
 public:
  RealStage() : runtime_(runtime::make_real_runtime({.shards = 1}, diagnostics_)) {}
  void run(Host::Scenario scenario) { EXPECT_EQ(runtime_->run(finish(std::move(scenario))), kEnded); }
  runtime::Runtime& runtime() { return *runtime_; }
  RecordingSink& diagnostics() { return diagnostics_; }

 private:
  static constexpr int kEnded = 17;
  runtime::Task<int> finish(Host::Scenario scenario) {
    runtime::Timer stuck(runtime_->shard(0));
    stuck.start(runtime_->shard(0).now() + std::chrono::minutes(3),
                [] { GW_CHECK(false, "the scenario does not end"); });
    co_await scenario(*runtime_);
    co_return kEnded;
  }
  RecordingSink diagnostics_;
  std::unique_ptr<runtime::RealRuntime> runtime_;
};

class RealHost : public ServerHost {
 public:
  void run(Scenario scenario) override { stage_.run(std::move(scenario)); }

 protected:
  runtime::Runtime& runtime() { return stage_.runtime(); }
  DiagnosticSink& diagnostics() { return stage_.diagnostics(); }

 private:
  RealStage stage_;
};

}  // namespace godwit::coordination
