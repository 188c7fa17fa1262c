// A simulated disk: what is written survives a crash as far as it was synced, and everything that goes wrong
// with disks can be made to go wrong here.
//
//   node.disk().fail_next({.kinds = {OpKind::sync}, .path = "journal"}, ErrorKind::io);
//   node.disk().set_capacity(1 << 20);
//   node.disk().crash_at(17, CrashPoint::during, CrashKind::power_cut);
//
// What a power cut makes of changes that were not synced, each drawn from the seed: bytes are kept, lost or
// torn between sectors of 512 bytes, in any order across writes and files; a size changes without its bytes
// or they without it; created, renamed and removed names are there or not until sync_directory of their
// folders (a rename is atomic). After kill -9 everything that a write returned for is there; of a write under
// way, a prefix of its sectors. Used by tests between runs and from World::after.
#pragma once

#include <coroutine>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "runtime/sim/disk_image.h"
#include "runtime/sim/world.h"

namespace godwit::runtime::sim {

enum class CrashKind {
  kill,       // kill -9: the process is gone, the machine goes on
  power_cut,  // the machine is gone: nothing is sent to anybody, what was not synced is anybody's guess
};

// Before the operation did anything; while it is under way (a write is torn); after it is done (a sync is
// durable) but before anybody heard of it.
enum class CrashPoint { before, during, after };
std::string_view to_string(CrashPoint point);

enum class OpKind {
  open,    // of a file that exists
  create,  // open that makes the file
  read,
  write,
  sync,
  allocate,
  truncate,
  query,  // size, exists, list, space
  rename,
  remove,
  make_directory,
  remove_directory,
  sync_directory,
  sync_filesystem,
  lock,
};
constexpr size_t op_kind_count = 15;
std::string_view to_string(OpKind kind);
// Whether the operation changes what a crash leaves: these are counted for crash_at.
bool is_mutation(OpKind kind);

// Uniform in [min, max], and `tail` with the probability 1/tail_every (0: never).
struct Latency {
  Duration min{};
  Duration max{};
  Duration tail{};
  uint64_t tail_every = 0;
};

struct DiskOptions {
  uint64_t capacity = 0;  // bytes; 0: endless
  // A drive that, losing power in the middle of a write, leaves sectors that are neither old nor new.
  bool garbage = false;
  // O_DIRECT: works at all; multiple for positions and sizes, and for memory.
  bool direct_supported = true;
  size_t alignment = 4096;
  size_t memory_alignment = 4096;
  Latency read{std::chrono::microseconds(40), std::chrono::microseconds(120)};
  Latency write{std::chrono::microseconds(20), std::chrono::microseconds(150)};
  Latency sync{std::chrono::microseconds(60), std::chrono::microseconds(400)};
  Latency other{std::chrono::microseconds(5), std::chrono::microseconds(50)};
  uint64_t bytes_per_second = 1'000'000'000;  // of one operation; 0: no limit
};

// Which operations: of these kinds (none given: all) whose path (of a rename: either) contains `path`.
struct OpFilter {
  std::set<OpKind> kinds{};
  std::string path{};
  // So many that match pass before.
  uint64_t skip = 0;
};

class SimShard;

// One operation on its way through the disk. Shared by the disk and whoever awaits it.
struct DiskOp {
  OpKind kind = OpKind::query;
  std::string path;
  std::string other_path;  // of a rename: the new name
  InodePtr inode;
  uint64_t position = 0;
  uint64_t size = 0;
  Bytes data;                    // of a write: what was handed over
  std::vector<BytesView> parts;  // of a write: where it came from; must be unchanged at the end
  MutableBytes into;             // of a read
  uint64_t covers = 0;           // of a sync: the last change before it began
  std::move_only_function<Result<void>()> apply;  // null for reads, writes and syncs, which Disk does
  SimShard* shard = nullptr;
  std::coroutine_handle<> waiter;  // null when nobody waits (any more)
  bool finished = false;
  Result<void> outcome;
  uint64_t count = 0;  // of a read: bytes that were there
  uint64_t number = 0;
  uint64_t mutation = 0;  // its index among mutations, from 1; 0: none
  EventId event;
};
using DiskOpPtr = std::shared_ptr<DiskOp>;

class Node;

class Disk {
 public:
  Disk(World& world, Node& node, DiskOptions options, uint64_t seed);

  // Faults. Those that are scripted are used up in the order in which they were given.

  // The next `times` operations that match fail: a write may have done a part, a sync loses what it should
  // have kept (by the seed) and a later good one does not bring it back; everything else did nothing.
  void fail_next(OpFilter filter, ErrorKind kind, uint64_t times = 1);
  // Every operation that matches fails with the probability numerator/denominator, until clear_faults.
  void fail_randomly(OpFilter filter, ErrorKind kind, uint64_t numerator, uint64_t denominator);
  // Reads that touch the range fail with io, until clear_faults.
  void fail_reads(std::string path, uint64_t position, uint64_t size);
  // Operations that match hang until release(); also those that come.
  void stall(OpFilter filter = {});
  void release();
  // Takes back all faults above but what hangs.
  void clear_faults();
  // In bytes; 0: endless. What is there stays there, also when it is more.
  void set_capacity(uint64_t bytes) { image_.capacity = bytes; }
  // Everything that changes something fails with permission.
  void set_read_only(bool on) { read_only_ = on; }
  void set_direct_supported(bool on) { options_.direct_supported = on; }
  DiskOptions& options() { return options_; }

  // Bit rot: flips a bit of a byte, also of synced ones. False where there is no such byte.
  bool flip_bit(std::string_view path, uint64_t position, unsigned bit);
  // Flips `count` bits anywhere in the files whose path contains `pattern`; gives where.
  std::vector<std::pair<std::string, uint64_t>> rot(std::string_view pattern, size_t count);

  // Crash points. Mutations are counted from 1 in the order in which they begin, over all incarnations.
  uint64_t mutations() const { return mutations_; }
  // Crashes the node at that mutation (one to come). It comes to nothing when the node crashes before.
  void crash_at(uint64_t mutation, CrashPoint point, CrashKind kind);

  // For looking from outside, without time passing and without faults.
  Result<Bytes> contents(std::string_view path) const;
  // What a power cut would leave for sure.
  Result<Bytes> durable_contents(std::string_view path) const;
  // Makes or replaces a file, durably, with its folders.
  void install(std::string_view path, BytesView bytes);
  std::vector<std::string> files() const { return image_.files(); }
  uint64_t used() const { return image_.used(); }
  bool has_unsynced() const { return image_.has_unsynced(); }
  size_t under_way() const { return under_way_.size(); }

  // For the simulator's parts.
  // Begins an operation; op->finished tells whether it ended at once. Nothing ends on a dead node.
  void submit(const DiskOpPtr& op);
  void crash(CrashKind kind);
  DiskImage& image() { return image_; }
  bool read_only() const { return read_only_; }
  std::set<std::string>& locks() { return locks_; }

 private:
  struct Fault {
    OpFilter filter;
    ErrorKind kind;
    uint64_t times = 0;        // scripted
    uint64_t numerator = 0;    // random
    uint64_t denominator = 0;  // 0: scripted
  };
  struct BadRange {
    std::string path;
    uint64_t position;
    uint64_t size;
  };
  static bool matches(OpFilter& filter, const DiskOp& op);
  Duration latency_of(const DiskOp& op);
  std::optional<ErrorKind> fault_for(const DiskOp& op);
  void device_did(const DiskOpPtr& op);
  void perform(DiskOp& op);
  void perform_read(DiskOp& op);
  void fail_op(DiskOp& op, ErrorKind kind);
  void write_prefix(DiskOp& op);
  void finish(const DiskOpPtr& op);
  void schedule(const DiskOpPtr& op, Duration in);

  World& world_;
  Node& node_;
  DiskOptions options_;
  SeededRandom random_;
  DiskImage image_;
  std::vector<Fault> faults_;
  std::vector<BadRange> bad_ranges_;
  std::vector<OpFilter> stalls_;
  std::vector<DiskOpPtr> hanging_;
  std::map<uint64_t, DiskOpPtr> under_way_;
  std::set<std::string> locks_;
  bool read_only_ = false;
  uint64_t ops_ = 0;
  uint64_t mutations_ = 0;
  uint64_t crash_mutation_ = 0;  // 0: none
  uint64_t torn_op_ = 0;         // the operation that a crash comes in the middle of
  CrashPoint crash_point_ = CrashPoint::before;
  CrashKind crash_kind_ = CrashKind::power_cut;
};

}  // namespace godwit::runtime::sim
