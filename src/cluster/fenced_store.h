// The store as a controller writes it: under its fence (design-cluster rule 5), until it is done.
//
// A write whose outcome is unknown may still take effect later, after it was repeated and after newer ones, and would then undo
// these. So every write has a second condition, the guard's version, and the guard is raised before such a write is repeated:
//
//   put P = a   timed out: perhaps on its way still
//   put guard                     from here on the first can not take effect any more
//   put P = a, put P = b
//
// Belongs to one shard.
#pragma once

#include <vector>

#include "base/diagnostic.h"
#include "coordination/coordination.h"
#include "runtime/sync.h"

namespace godwit::cluster {

class FencedStore {
 public:
  using Write = coordination::Transaction::Write;
  // Writes of one transaction, with room for the conditions.
  static constexpr size_t kWritesMax = 120;
  static constexpr size_t kBytesMax = 500'000;

  FencedStore(coordination::Coordination& store, coordination::Version fence_version,
              DiagnosticSink& diagnostics)
      : store_(store), fence_version_(fence_version), diagnostics_(diagnostics) {}

  // Errors: conflict (the fence is somebody else's), unavailable, timed_out.
  runtime::Task<Result<void>> open();
  // Carries out the writes in one transaction; repeats them until it is done. False once the fence is somebody else's, or after
  // end(): they may have been carried out or not.
  runtime::Task<bool> write(std::vector<Write> writes);
  // The same for several transactions, of which up to four are under way at once.
  runtime::Task<bool> write_all(std::vector<std::vector<Write>> transactions);

  // Nothing is begun any more.
  void end();
  bool ended() const { return ended_; }
  // Returns once ended.
  runtime::Task<void> wait_for_end();

 private:
  runtime::Task<void> renew(coordination::Version used, bool raise);
  runtime::Task<bool> read_guard();
  runtime::Task<void> back_off();
  // Once, until a write goes through.
  void tell(const Error& error);
  runtime::Task<bool> work(const std::vector<std::vector<Write>>& transactions, size_t& next);

  coordination::Coordination& store_;
  coordination::Version fence_version_;
  coordination::Version guard_version_ = coordination::kAbsent;
  DiagnosticSink& diagnostics_;
  runtime::Mutex renewing_;
  runtime::Condition ending_;
  bool ended_ = false;
  bool told_ = false;  // that the store does not take writes
};

}  // namespace godwit::cluster
