// The state of one disk: a tree of inodes, which of its changes are durable, and what a crash makes of the
// rest. No time and no faults here; that is Disk's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/file.h"
#include "runtime/sim/inode.h"

namespace godwit::runtime::sim {

// "/a/b" for "a/b", "./a//b" and "/a/c/../b".
std::string normal_path(std::string_view path);

// Changes take the next number when they are applied; a sync covers those up to the number that it saw at its
// start.
class DiskImage {
 public:
  DiskImage();

  uint64_t sequence() const { return sequence_; }
  // 0: endless. In bytes; blocks of 4096 count.
  uint64_t capacity = 0;
  // Whether sectors that a power cut takes may hold anything afterwards.
  bool garbage = false;
  uint64_t used() const;

  Result<InodePtr> find(std::string_view path) const;
  Result<InodePtr> create_file(std::string_view path);
  Result<void> make_directory(std::string_view path);
  Result<void> rename(std::string_view from, std::string_view to);
  Result<void> remove(std::string_view path);
  Result<void> remove_directory(std::string_view path);
  Result<std::vector<DirectoryEntry>> list(std::string_view path) const;
  void opened(const InodePtr& inode) { ++inode->open_count; }
  void closed(const InodePtr& inode);

  // On a full disk a part that fits may have been written (`random` decides). Error no_space.
  Result<void> write(const InodePtr& inode, uint64_t position, BytesView bytes, SeededRandom& random);
  Result<void> allocate(const InodePtr& inode, uint64_t size);
  void truncate(const InodePtr& inode, uint64_t size);
  void sync(const InodePtr& inode, uint64_t sequence);
  void sync_failed(const InodePtr& inode, uint64_t sequence, SeededRandom& random);
  Result<void> sync_directory(std::string_view path, uint64_t sequence);
  void sync_all(uint64_t sequence);
  void sync_all_failed(uint64_t sequence, SeededRandom& random);

  // Everything that was not synced is kept, lost or torn. The change numbered `torn` (0: none) gets `fate`.
  void power_cut(SeededRandom& random, uint64_t torn, Fate fate);

  // Every file's normal path, in order.
  std::vector<std::string> files() const;
  // Changes that a power cut may take.
  bool has_unsynced() const;

 private:
  struct Edit {
    InodePtr directory;
    std::string name;
    InodePtr target;  // null: the name is gone
    bool synced = false;
  };
  // One atomic change of names.
  struct NameChange {
    uint64_t sequence;
    std::vector<Edit> edits;
    bool durable() const;
  };
  struct Place {
    InodePtr directory;
    std::string name;
    InodePtr inode;  // null when there is none
  };
  Result<Place> locate(std::string_view path) const;
  InodePtr new_inode(bool is_directory);
  void change_names(std::vector<Edit> edits);
  void unlinked(const InodePtr& inode);
  void fold_names();
  void mark_unsynced(const InodePtr& inode) { unsynced_[inode->number()] = inode; }
  void walk(const InodePtr& inode);
  Result<void> room_for(uint64_t pages) const;

  uint64_t sequence_ = 0;
  uint64_t inodes_ = 0;
  InodePtr root_;
  std::map<uint64_t, InodePtr> live_;      // has a name or is open
  std::map<uint64_t, InodePtr> unsynced_;  // files whose durable and current views may differ
  std::vector<NameChange> name_changes_;
};

}  // namespace godwit::runtime::sim
