// The real runtime as the host of an engine with a server. What is the engine's own (how a client is made, how the server
// is started) comes from who derives.
#pragma once

#include <memory>
#include <string>
#include <utility>

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

// A server, or several that are one, as the contract's scenarios know it: all die, hang and come back together.
class EngineService {
 public:
  virtual ~EngineService() = default;
  virtual void kill() = 0;
  virtual void start() = 0;  // after kill(); returns before it answers
  virtual void freeze() = 0;
  virtual void thaw() = 0;

 protected:
  // Of so many servers that start one stays away until the next start, each time another: a majority has to do, and clients have
  // to leave an address where nobody listens. A single one does not: then it is `count`.
  size_t next_away(size_t count) { return count > 1 ? starts_++ % count : count; }

 private:
  size_t starts_ = 0;
};

// A place of its own in a service that other hosts may use before and after it, never at the same time where this one kills or
// freezes: what it broke it puts right at its end.
template <class Service>
class RealHost : public ServerHost {
 public:
  explicit RealHost(std::shared_ptr<Service> service) : service_(std::move(service)) {}
  ~RealHost() override {
    if (frozen_) service_->thaw();
    if (killed_) service_->start();
  }
  RealHost(const RealHost&) = delete;
  RealHost& operator=(const RealHost&) = delete;

  void run(Scenario scenario) override { stage_.run(std::move(scenario)); }
  void kill_server() override {
    killed_ = true;
    service_->kill();
  }
  void start_server() override {
    killed_ = false;
    service_->start();
  }
  void freeze_server() override {
    frozen_ = true;
    service_->freeze();
  }
  void thaw_server() override {
    frozen_ = false;
    service_->thaw();
  }

 protected:
  runtime::Runtime& runtime() { return stage_.runtime(); }
  DiagnosticSink& diagnostics() { return stage_.diagnostics(); }
  const std::shared_ptr<Service>& service() const { return service_; }
  bool killed() const { return killed_; }
  // No other host of such a service in this process has it.
  static std::string next_number() {
    static int last = 0;
    return std::to_string(++last);
  }

 private:
  RealStage stage_;
  std::shared_ptr<Service> service_;
  bool killed_ = false;
  bool frozen_ = false;
};

}  // namespace godwit::coordination
