// The real runtime as the host of an engine with a server. What is the engine's own (how a client is made, how the server
// is started) comes from who derives.
#pragma once

#include "base/diagnostic.h"
#include "coordination/contract/host_testing.h"
#include "runtime/real/real_runtime.h"

namespace godwit::coordination {

class RealHost : public ServerHost {
 public:
  RealHost() : runtime_(runtime::make_real_runtime({.shards = 1}, diagnostics_)) {}
  void run(Scenario scenario) override { EXPECT_EQ(runtime_->run(finish(std::move(scenario))), kEnded); }

 protected:
  runtime::Runtime& runtime() { return *runtime_; }
  DiagnosticSink& diagnostics() { return diagnostics_; }

 private:
  static constexpr int kEnded = 17;
  runtime::Task<int> finish(Scenario scenario) {
    runtime::Timer stuck(runtime_->shard(0));
    stuck.start(runtime_->shard(0).now() + std::chrono::minutes(3),
                [] { GW_CHECK(false, "the scenario does not end"); });
    co_await scenario(*runtime_);
    co_return kEnded;
  }
  RecordingSink diagnostics_;
  std::unique_ptr<runtime::RealRuntime> runtime_;
};

}  // namespace godwit::coordination
