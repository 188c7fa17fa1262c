// For tests: this machine as a world of the contract suite, with a directory that goes with it.
#pragma once

#include <stdlib.h>

#include <filesystem>

#include "runtime/contract/world.h"
#include "runtime/real/real_runtime.h"

namespace godwit::runtime::contract {

class RealWorld final : public World {
 public:
  RealWorld() : runtime_(make_real_runtime({.shards = 2}, diagnostics_)) {
    std::string name = (std::filesystem::temp_directory_path() / "godwit-runtime-XXXXXX").string();
    GW_CHECK(::mkdtemp(name.data()) != nullptr, "a test may make a directory");
    directory_ = name;
  }
  ~RealWorld() override {
    runtime_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Runtime& runtime() override { return *runtime_; }
  void run(Task<void> scenario) override { EXPECT_EQ(runtime_->run(finish(std::move(scenario))), 17); }
  std::string directory() override { return directory_; }

 private:
  static Task<int> finish(Task<void> scenario) {
    co_await scenario;
    co_return 17;
  }
  RecordingSink diagnostics_;
  std::unique_ptr<RealRuntime> runtime_;
  std::string directory_;
};

inline std::unique_ptr<World> make_real_world() {
  return std::make_unique<RealWorld>();
}

}  // namespace godwit::runtime::contract
