// What stands in the journal about logs: the head of every entry, and the entry that carries batches. Entries
// that change a log's structure are in structure_record.h.
#pragma once

#include "base/result.h"
#include "codec/spec.h"
#include "model/epoch.h"
#include "model/offset.h"
#include "model/topic.h"
#include "storage/log_state.h"

namespace godwit::storage {

// JournalEntry::kind. Numbers are in journals on disk: never reused.
enum class EntryKind : uint8_t {
  data = 1,
  create = 2,
  roll = 3,
  truncate = 4,
  restart = 5,
  log_start = 6,
  epoch = 7,
  swap = 8,
  drop = 9,
  configure = 10,
  skip = 11,
  file_ids = 12,
  repair = 13,
  unsynced = 14,
};

// Which log an entry is about, and after what: a state knows by (incarnation, version, end) whether it has
// seen the entry already, whatever journal or checkpoint it came from.
struct RecordHead {
  TopicId topic;
  PartitionIndex partition;
  FileId incarnation;
  // A structure record makes this version; data was admitted in it.
  uint64_t version = 0;
  Offset end;  // of the log before this entry

  TopicPartition id() const { return {topic, partition}; }
  friend bool operator==(const RecordHead&, const RecordHead&) = default;
  static void fields(auto& f) {
    f("topic", &RecordHead::topic);
    f("partition", &RecordHead::partition);
    f("incarnation", &RecordHead::incarnation);
    f("version", &RecordHead::version);
    f("end", &RecordHead::end);
  }
};

// Bytes of a file: the payload belongs at `position`. They begin and end between batches, but for a batch
// that is larger than a round (all parts but the last have next == head.end) and for a remainder that was
// carried forward, which begins at a block (next <= the log's end when it was carried).
struct DataRecord {
  static constexpr codec::Format kFormat{.name = "DataRecord", .versions = {0, 0}};
  RecordHead head;
  FileId file;
  Offset file_base;  // so that the file can be known from this record alone
  Position position;
  Offset next;                 // behind the last batch that ends in the payload
  LeaderEpoch epoch;           // of all batches in it
  int64_t timestamp_max = -1;  // of all batches in it, ms
  int64_t now_ms = -1;         // wall time of the leader or follower that admitted it
  friend bool operator==(const DataRecord&, const DataRecord&) = default;
  static void fields(auto& f) {
    f("head", &DataRecord::head);
    f("file", &DataRecord::file);
    f("file_base", &DataRecord::file_base);
    f("position", &DataRecord::position);
    f("next", &DataRecord::next);
    f("epoch", &DataRecord::epoch);
    f("timestamp_max", &DataRecord::timestamp_max);
    f("now_ms", &DataRecord::now_ms);
  }
};

// File ids below `below` may have been used: none of them is given again (rule 1).
struct FileIdsRecord {
  static constexpr codec::Format kFormat{.name = "FileIdsRecord", .versions = {0, 0}};
  FileId below;
  static void fields(auto& f) { f("below", &FileIdsRecord::below); }
};

Bytes encode_record(const DataRecord& record);
Bytes encode_record(const FileIdsRecord& record);
Result<DataRecord> decode_data(const Bytes& meta);
Result<FileIdsRecord> decode_file_ids(const Bytes& meta);

}  // namespace godwit::storage
