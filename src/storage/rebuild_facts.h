// What the entries of the journals say of a log's files, for a start without a checkpoint. Pure.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "storage/checkpoint.h"
#include "storage/structure_record.h"

namespace godwit::storage {

struct FileFacts {
  std::optional<Offset> base;
  std::optional<Position> limit;  // cut there
  bool gone = false;
  bool compacted = false;
};

struct LogFacts {
  FileId incarnation;
  uint64_t version = 0;
  bool dropped = false;
  LogConfig config;
  std::optional<Offset> start;
  std::optional<Offset> end;
  FileId gone_below{0};  // all files with a smaller id are gone
  std::map<FileId, FileFacts> files;
  // Files with a smaller id have nothing at or behind the offset.
  struct Cut {
    FileId below;
    Offset end;
  };
  std::vector<Cut> cuts;
  std::vector<EpochStart> epochs;
  std::vector<DamagedRange> damages;
  Offset cleaned_to;

  // Starts from what an older checkpoint says.
  static LogFacts of(const LogState& state);
  // In the order of the log's records.
  void apply(const DataRecord& data);
  void apply(const StructureRecord& record);
  bool is_gone(FileId file) const;

 private:
  // Whether the entry is of a newer log of that name: what was known is forgotten. False when it is of an older one.
  bool meet(const RecordHead& head);
};

// A batch that was found in a file.
struct FoundBatch {
  Offset base;
  Offset next;
  Position begin;
  Position end;
  LeaderEpoch epoch;
  int64_t timestamp_max = -1;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  int32_t first_sequence = -1;
  int32_t last_sequence = -1;
  // That it stands where it says is known from more than the batches beside it.
  bool witnessed = false;
};
struct FoundFile {
  FileId id;
  bool compacted = false;  // as its index says
  std::vector<FoundBatch> batches;
  // Offsets that the file held and that cannot be had from it: by offset, between its batches or behind them.
  std::vector<std::pair<Offset, Offset>> damaged;

  // Of both: where they begin and end; empty where there is nothing.
  std::optional<Offset> first() const;
  std::optional<Offset> last() const;
};

// Leaves each file the batches that are part of the log, which none of another has, and brings the files into the log's
// order. Those without any are added to `unused`, unless something of them is damaged: then they stay, in front.
void settle_files(const LogFacts& facts, std::vector<FoundFile>& files, std::vector<FileId>& unused);

// The log that facts and files make, which are settled, and whose batches stand one behind the other from the file's start
// on; its active file is `fresh`.
LogState assemble_log(TopicPartition id, const LogFacts& facts, const std::vector<FoundFile>& files,
                      FileId fresh, int64_t now_ms);

}  // namespace godwit::storage
