// Changes of a log's structure, journalled in the same sequence as its data (rule 7): what files it has,
// where it starts and ends. Pure.
//
// apply_record() is the only way in which they change a LogState: live, when the record is admitted, and at start,
// when the journal is replayed.
#pragma once

#include <variant>
#include <vector>

#include "storage/journal_record.h"

namespace godwit::storage {

// An empty log; takes the place of an older incarnation.
struct CreateLog {
  static constexpr EntryKind kKind = EntryKind::create;
  static constexpr codec::Format kFormat{.name = "CreateLog", .versions = {0, 0}};
  RecordHead head;  // version 1, incarnation == file
  FileId file;
  Offset start;
  LogConfig config;
  static void fields(auto& f) {
    f("head", &CreateLog::head);
    f("file", &CreateLog::file);
    f("start", &CreateLog::start);
    f("config", &CreateLog::config);
  }
};

// The active file is sealed where it ends; the log goes on in a new one.
struct RollSegment {
  static constexpr EntryKind kKind = EntryKind::roll;
  static constexpr codec::Format kFormat{.name = "RollSegment", .versions = {0, 0}};
  RecordHead head;
  FileId file;
  Position sealed_end;  // of the file that was active
  static void fields(auto& f) {
    f("head", &RollSegment::head);
    f("file", &RollSegment::file);
    f("sealed_end", &RollSegment::sealed_end);
  }
};

// `cut` is sealed at `position`, files behind it are gone; the log goes on at `end` in a new file.
struct TruncateLog {
  static constexpr EntryKind kKind = EntryKind::truncate;
  static constexpr codec::Format kFormat{.name = "TruncateLog", .versions = {0, 0}};
  RecordHead head;
  FileId cut;
  Position position;
  Offset end;
  FileId file;
  static void fields(auto& f) {
    f("head", &TruncateLog::head);
    f("cut", &TruncateLog::cut);
    f("position", &TruncateLog::position);
    f("end", &TruncateLog::end);
    f("file", &TruncateLog::file);
  }
};

// Everything is gone; the log is empty and goes on at `start`.
struct RestartLog {
  static constexpr EntryKind kKind = EntryKind::restart;
  static constexpr codec::Format kFormat{.name = "RestartLog", .versions = {0, 0}};
  RecordHead head;
  Offset start;
  FileId file;
  static void fields(auto& f) {
    f("head", &RestartLog::head);
    f("start", &RestartLog::start);
    f("file", &RestartLog::file);
  }
};

// The log starts at `start`: sealed files that end at or before it are gone.
struct RaiseLogStart {
  static constexpr EntryKind kKind = EntryKind::log_start;
  static constexpr codec::Format kFormat{.name = "RaiseLogStart", .versions = {0, 0}};
  RecordHead head;
  Offset start;
  static void fields(auto& f) {
    f("head", &RaiseLogStart::head);
    f("start", &RaiseLogStart::start);
  }
};

struct BeginEpoch {
  static constexpr EntryKind kKind = EntryKind::epoch;
  static constexpr codec::Format kFormat{.name = "BeginEpoch", .versions = {0, 0}};
  RecordHead head;
  LeaderEpoch epoch;
  static void fields(auto& f) {
    f("head", &BeginEpoch::head);
    f("epoch", &BeginEpoch::epoch);
  }
};

// Compaction: `added` (whole files, synced) stand where `removed` stood.
struct SwapSegments {
  static constexpr EntryKind kKind = EntryKind::swap;
  static constexpr codec::Format kFormat{.name = "SwapSegments", .versions = {0, 0}};
  RecordHead head;
  std::vector<FileId> removed;
  std::vector<SegmentState> added;
  Offset cleaned_to;  // as in LogState
  static void fields(auto& f) {
    f("head", &SwapSegments::head);
    f("removed", &SwapSegments::removed);
    f("added", &SwapSegments::added);
    f("cleaned_to", &SwapSegments::cleaned_to);
  }
};

struct DropLog {
  static constexpr EntryKind kKind = EntryKind::drop;
  static constexpr codec::Format kFormat{.name = "DropLog", .versions = {0, 0}};
  RecordHead head;
  static void fields(auto& f) { f("head", &DropLog::head); }
};

struct ConfigureLog {
  static constexpr EntryKind kKind = EntryKind::configure;
  static constexpr codec::Format kFormat{.name = "ConfigureLog", .versions = {0, 0}};
  RecordHead head;
  LogConfig config;
  static void fields(auto& f) {
    f("head", &ConfigureLog::head);
    f("config", &ConfigureLog::config);
  }
};

// Bytes that were acknowledged are damaged: offsets [from, to) cannot be read and are not handed out again;
// the log goes on at `to` in a new file (rule 12). `cut` is what is left of the file that they were in.
struct SkipDamage {
  static constexpr EntryKind kKind = EntryKind::skip;
  static constexpr codec::Format kFormat{.name = "SkipDamage", .versions = {0, 0}};
  RecordHead head;
  Offset from;
  Offset to;
  std::string what;
  FileId file;
  static void fields(auto& f) {
    f("head", &SkipDamage::head);
    f("from", &SkipDamage::from);
    f("to", &SkipDamage::to);
    f("what", &SkipDamage::what);
    f("file", &SkipDamage::file);
  }
};

// A damaged range was fetched from another replica: `added` (whole files, synced), which hold offsets [from, to) again,
// stand where `removed` stood. What was compared of the log ends at `from`.
struct RepairRange {
  static constexpr EntryKind kKind = EntryKind::repair;
  static constexpr codec::Format kFormat{.name = "RepairRange", .versions = {0, 1}};
  RecordHead head;
  Offset from;
  Offset to;
  std::vector<FileId> removed;
  std::vector<SegmentState> added;
  // Of the offsets that `removed` held, those that are damaged still: the files in their place have gaps there.
  std::vector<DamagedRange> left;
  // An older build can read it where nothing is left.
  int16_t version_needed() const { return left.empty() ? 0 : 1; }
  static void fields(auto& f) {
    f("head", &RepairRange::head);
    f("from", &RepairRange::from);
    f("to", &RepairRange::to);
    f("removed", &RepairRange::removed);
    f("added", &RepairRange::added);
    f("left", &RepairRange::left, codec::since(1));
  }
};

// flush=interval: from here on records may be acknowledged that are not synced, in the run of the machine that `boot`
// names; empty: all that were are. Synced before the first of them is acknowledged, so that a start in another run of
// the machine (after a power cut) knows which logs may have lost their end.
struct MarkUnsynced {
  static constexpr EntryKind kKind = EntryKind::unsynced;
  static constexpr codec::Format kFormat{.name = "MarkUnsynced", .versions = {0, 0}};
  RecordHead head;
  std::string boot;
  // The log was compared with others: what was in doubt of it is not any more.
  bool proven = false;
  static void fields(auto& f) {
    f("head", &MarkUnsynced::head);
    f("boot", &MarkUnsynced::boot);
    f("proven", &MarkUnsynced::proven);
  }
};

using StructureRecord =
    std::variant<CreateLog, RollSegment, TruncateLog, RestartLog, RaiseLogStart, BeginEpoch, SwapSegments,
                 DropLog, ConfigureLog, SkipDamage, RepairRange, MarkUnsynced>;

EntryKind kind_of(const StructureRecord& record);
const RecordHead& head_of(const StructureRecord& record);
RecordHead& head_of(StructureRecord& record);

Bytes encode_record(const StructureRecord& record);
// Errors: unsupported (a kind or version that this build does not know), corrupt.
Result<StructureRecord> decode_structure(EntryKind kind, const Bytes& meta);

// The state that CreateLog makes.
LogState created(const CreateLog& record);

// Applies any record but CreateLog and DropLog, whose head.version is the state's next. Gives the segments
// that are no longer part of the log: their files go once the record is durable.
std::vector<SegmentState> apply_record(LogState& state, const StructureRecord& record);

}  // namespace godwit::storage
