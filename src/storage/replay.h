// Start = checkpoint + journal (rule 11): works out what every log is, from what the checkpoint says and the
// journal's entries in their order. Pure; bytes of payloads are not looked at, only where they lie.
//
// An entry is applied when its log's state has not seen it yet (RecordHead). Payloads are kept as extents of
// the files that survive; which of them are still needed, and what overlaps, is settled by load_plan().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/checkpoint.h"
#include "storage/journal.h"
#include "storage/structure_record.h"

namespace godwit::storage {

// Bytes [position, position + size) of a file, in a journal.
struct ReplayedExtent {
  FileId file;
  Position position;
  Sequence sequence;
  PayloadPlace payload;
  bool relaxed = false;  // in the journal of flush=interval topics
  // It ends a batch behind which offset `next` comes. Not known of a remainder that was carried forward, and not so of
  // the parts of a large batch but the last.
  bool ends_batch = false;
  Offset next;
  Position end() const { return position + payload.size; }
};

struct ReplayedLog {
  LogState state;
  // Batches from here on are not in state.producers yet.
  Offset producers_from;
  int64_t now_ms = -1;  // of the last entry: when those producers were seen
  std::vector<ReplayedExtent> extents;
  // Entries are missing: offsets from state.end to here were given, and their bytes are lost (rule 12).
  std::optional<Offset> lost_to;
  // With lost_to: a truncation to this offset, below state.end, could not be carried out; what lies from here
  // on must not come back.
  std::optional<Offset> lost_from;
};

struct Replayed {
  FileId next_file_id{1};
  std::vector<RemovedFile> to_remove;
  std::vector<ReplayedLog> logs;
};

class Replay {
 public:
  explicit Replay(Checkpoint checkpoint);

  // The entries of both journals, each oldest first. A log that changed from one to the other has entries in
  // both: they are brought in order by what RecordHead says. Errors: unsupported, corrupt (an entry that passed
  // its checksum and cannot be read was not written by this format).
  Result<void> add(const std::vector<RecoveredEntry>& entries, const std::vector<RecoveredEntry>& relaxed);
  Replayed finish();

 private:
  // An entry that was decoded.
  struct Item {
    std::variant<DataRecord, StructureRecord> record;
    const RecoveredEntry* entry = nullptr;
    bool relaxed = false;
    const RecordHead& head() const;
  };
  Result<std::optional<Item>> decode(const RecoveredEntry& entry, bool relaxed);
  void apply(Item item);
  void apply_data(const DataRecord& data, const RecoveredEntry& entry, bool relaxed);
  void apply_structure(StructureRecord record);
  void apply_behind_hole(ReplayedLog& log, const StructureRecord& record);
  void remove_files(const TopicPartition& id, const std::vector<SegmentState>& segments);
  ReplayedLog* find(const RecordHead& head);

  Replayed out_;
  std::unordered_map<TopicPartition, ReplayedLog> logs_;
};

// A part of an extent that has to be read: bytes [skip, skip + size) of its payload belong at `position`.
struct LoadStep {
  ReplayedExtent extent;
  Position position;
  uint32_t skip = 0;
  uint32_t size = 0;
};

// What to read, in the order of positions, to have bytes [from, to) of `file`: later extents win over earlier
// ones. Shorter than asked when something is missing: then the steps end where the hole begins.
std::vector<LoadStep> load_plan(const std::vector<ReplayedExtent>& extents, FileId file, Position from,
                                Position to);

}  // namespace godwit::storage
