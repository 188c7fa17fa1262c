// A file or directory as the device knows it (durable) and as the process sees it (current), with the changes
// between the two.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/sim/content.h"
#include "runtime/sim/random.h"

namespace godwit::runtime::sim {

constexpr uint64_t sector_size = 512;

// What a power cut makes of one change that was not synced.
class Fate {
 public:
  static Fate kept() { return Fate(Mode::kept, 0); }
  static Fate lost() { return Fate(Mode::lost, 0); }
  // Any of: kept, lost, a prefix, a suffix, sectors by chance.
  static Fate draw(SeededRandom& random);
  // Some sectors and not others, where there are several.
  static Fate draw_torn(SeededRandom& random);
  // Only a prefix, possibly nothing or everything: what a kill leaves of a write under way.
  static Fate draw_prefix(SeededRandom& random);

  bool keeps_sector(uint64_t index, uint64_t count) const;
  // Whether a change that has no sectors (a size, a name) happened.
  bool keeps_whole() const { return mode_ == Mode::kept || (mode_ != Mode::lost && (draw_ & 1) != 0); }

 private:
  enum class Mode { kept, lost, prefix, suffix, scattered };
  Fate(Mode mode, uint64_t draw) : mode_(mode), draw_(draw) {}
  Mode mode_;
  uint64_t draw_;
};

// One change of a file's bytes or size that was not synced.
struct FileChange {
  enum class Kind { write, truncate, grow };
  uint64_t sequence = 0;
  Kind kind = Kind::write;
  uint64_t position = 0;  // of a write: its first sector's
  Bytes data;             // of a write: whole sectors, as the process saw them after it
  uint64_t size = 0;      // the new size (truncate), or the least new size
};

class Inode;
using InodePtr = std::shared_ptr<Inode>;
using Names = std::map<std::string, InodePtr, std::less<>>;

class Inode {
 public:
  Inode(uint64_t number, bool is_directory) : number_(number), is_directory_(is_directory) {}

  uint64_t number() const { return number_; }
  bool is_directory() const { return is_directory_; }

  // Files. The process's view changes at once, the device's at a sync.
  const Content& current() const { return current_; }
  const Content& durable() const { return durable_; }
  void write(uint64_t sequence, uint64_t position, BytesView bytes);
  void truncate(uint64_t sequence, uint64_t size);
  void allocate(uint64_t sequence, uint64_t size);
  // Makes durable what changed at or before `sequence`.
  void sync(uint64_t sequence);
  // A sync that failed: each change is kept or lost now, and no later sync brings it back. The process goes
  // on seeing its own bytes, or (dropped from the cache) the device's.
  void sync_failed(uint64_t sequence, SeededRandom& random);
  // What is left after a power cut. `last` is the fate of the change number `torn` (0: drawn as all others).
  // With `garbage`, sectors that a change lost may hold anything instead of what was there before.
  void power_cut(SeededRandom& random, uint64_t torn, Fate last, bool garbage);
  bool has_unsynced() const { return !changes_.empty() || diverged_; }
  // Changes bytes on the device behind everybody's back. False where there is no such byte.
  bool flip_bit(uint64_t position, unsigned bit);

  // Blocks taken, in pages of 4096 bytes.
  uint64_t pages() const { return pages_; }
  // Pages that writing the range would take besides.
  uint64_t pages_missing(uint64_t position, uint64_t size) const;
  uint64_t pages_missing_to_allocate(uint64_t size) const;

  // Directories.
  Names names;          // as the process sees them
  Names durable_names;  // as a power cut leaves them, apart from what is pending

  size_t open_count = 0;
  // No name leads here any more; space is given back when it is closed.
  bool unlinked = false;

 private:
  static void apply(Content& content, const FileChange& change, Fate fate, SeededRandom* garbage = nullptr);
  void recount();

  uint64_t number_;
  bool is_directory_;
  Content current_;
  Content durable_;
  std::vector<FileChange> changes_;
  bool diverged_ = false;  // after a failed sync the two views differ though nothing is pending
  uint64_t reserved_pages_ = 0;
  uint64_t pages_ = 0;
};

}  // namespace godwit::runtime::sim
