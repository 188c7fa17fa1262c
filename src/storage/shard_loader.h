// One shard's half of StoreLoader: its logs, what is to be read for them, and where it goes. On that shard.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "storage/store_loader.h"

namespace godwit::storage {

class ShardLoader {
 public:
  ShardLoader(StoreContext& context, LogShard& shard, Journal& journal, Journal* relaxed,
              std::vector<LostTail>& lost)
      : context_(context), shard_(shard), journal_(journal), relaxed_(relaxed), lost_(lost) {}

  // Before the first wave.
  void add(ReplayedLog log) { waiting_.push_back(std::move(log)); }

  struct Loading {
    ReplayedLog replayed;
    PartitionLog* log = nullptr;
    struct Segment {
      FileId file;
      std::vector<LoadStep> steps;
    };
    std::vector<Segment> segments;
    size_t segment = 0;  // the next to be read
    size_t step = 0;
    uint32_t step_done = 0;
    bool in_wave = false;
    // Places that were whole when the journal was scanned, or not looked at, and are not whole.
    struct Bad {
      PayloadPlace place;
      bool relaxed = false;
    };
    std::vector<Bad> bad;
  };
  // What one read brings: bytes [skip, skip + size) of the payload belong at `position` of `file`.
  struct Piece {
    Loading* log = nullptr;
    FileId file;
    Position position;
    PayloadPlace payload;
    uint32_t skip = 0;
    uint32_t size = 0;
    bool relaxed = false;
  };
  // What to read next; the room for it is taken. Empty at the end. Error limit.
  Result<std::vector<Piece>> next_wave();
  // Checks a payload and copies it. An empty one could not be read.
  void take(const Piece& piece, BytesView payload);
  // All of the wave was taken. Writes it to the files where there is more to come. Errors io, no_space.
  runtime::Task<Result<void>> end_wave();

 private:
  void begin(ReplayedLog log);
  // Takes room for the next step of `loading`, or a part of it; false when there is none.
  bool take_step(Loading& loading, std::vector<Piece>& out);
  void start_again(Loading& loading);
  bool done() const { return waiting_.empty() && loading_.empty(); }

  StoreContext& context_;
  LogShard& shard_;
  Journal& journal_;
  Journal* relaxed_;
  std::vector<LostTail>& lost_;
  std::deque<ReplayedLog> waiting_;
  std::deque<std::unique_ptr<Loading>> loading_;  // begun; those of the wave first
};

}  // namespace godwit::storage
