#include "storage/structure_record.h"

#include <algorithm>

#include "base/check.h"
#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::storage::CreateLog);
GODWIT_STORED_CODEC(godwit::storage::RollSegment);
GODWIT_STORED_CODEC(godwit::storage::TruncateLog);
GODWIT_STORED_CODEC(godwit::storage::RestartLog);
GODWIT_STORED_CODEC(godwit::storage::RaiseLogStart);
GODWIT_STORED_CODEC(godwit::storage::BeginEpoch);
GODWIT_STORED_CODEC(godwit::storage::SwapSegments);
GODWIT_STORED_CODEC(godwit::storage::DropLog);
GODWIT_STORED_CODEC(godwit::storage::ConfigureLog);
GODWIT_STORED_CODEC(godwit::storage::SkipDamage);
GODWIT_STORED_CODEC(godwit::storage::RepairRange);
GODWIT_STORED_CODEC(godwit::storage::MarkUnsynced);

namespace godwit::storage {
namespace {

template <class... Kinds>
Result<StructureRecord> decode_one_of(EntryKind kind, const SharedBytes& meta, std::variant<Kinds...>*) {
  Result<StructureRecord> record =
      fail(ErrorKind::unsupported,
           "journal entry of kind " + std::to_string(static_cast<int>(kind)) + " is not known");
  const auto try_kind = [&]<class T>(const T*) {
    if (T::kKind != kind) return;
    auto decoded = codec::decode_versioned<T>(meta);
    if (decoded) {
      record = StructureRecord(std::move(*decoded));
    } else {
      record = fail(std::move(decoded).error());
    }
  };
  (try_kind(static_cast<const Kinds*>(nullptr)), ...);
  return record;
}

SegmentState empty_segment(FileId file, Offset base) {
  return {.id = file, .base = base, .next = base, .boundary_offset = base, .resume_offset = base};
}

using Removed = std::vector<SegmentState>;

// The active segment is sealed where it ends; one without a byte vanishes.
void seal_active(LogState& state, FileId next_file, Offset next_base, Removed& removed) {
  if (state.active().empty()) {
    removed.push_back(std::move(state.active()));
    state.segments.pop_back();
  }
  state.segments.push_back(empty_segment(next_file, next_base));
}

Removed change(LogState& state, const RollSegment& roll) {
  GW_CHECK(roll.sealed_end == state.active().end, "a roll seals what was admitted before it");
  Removed removed;
  seal_active(state, roll.file, state.end, removed);
  return removed;
}

Removed change(LogState& state, const TruncateLog& truncate) {
  GW_CHECK(truncate.end >= state.start && truncate.end <= state.end, "a log is truncated within itself");
  const auto cut = std::ranges::find(state.segments, truncate.cut, &SegmentState::id);
  GW_CHECK(cut != state.segments.end() && truncate.position <= cut->end, "a truncation cuts a file it has");
  const auto first_gone = truncate.position == Position(0) ? cut : cut + 1;
  Removed removed(first_gone, state.segments.end());
  if (first_gone != cut) {
    cut->end = truncate.position;
    cut->next = truncate.end;
    if (cut->written >= cut->end) cut->set_whole();
  }
  state.segments.erase(first_gone, state.segments.end());
  state.segments.push_back(empty_segment(truncate.file, truncate.end));
  state.end = truncate.end;
  state.high_watermark = std::min(state.high_watermark, truncate.end);
  state.cleaned_to = std::min(state.cleaned_to, truncate.end);
  state.epochs.truncate(truncate.end);
  if (!state.producers.truncate(truncate.end)) state.producers_incomplete = true;
  std::erase_if(state.damages, [&](const DamagedRange& d) { return d.from >= truncate.end; });
  if (!state.damages.empty()) state.damages.back().to = std::min(state.damages.back().to, truncate.end);
  return removed;
}

Removed change(LogState& state, const RestartLog& restart) {
  Removed removed = std::move(state.segments);
  state.segments = {empty_segment(restart.file, restart.start)};
  state.start = state.end = state.high_watermark = restart.start;
  state.epochs = {};
  state.producers = {};
  state.producers_incomplete = false;
  state.damages.clear();
  state.cleaned_to = restart.start;
  return removed;
}

Removed change(LogState& state, const RaiseLogStart& raise) {
  GW_CHECK(raise.start <= state.end, "a log never starts behind its end");
  if (raise.start <= state.start) return {};
  state.start = raise.start;
  state.high_watermark = std::max(state.high_watermark, state.start);
  const auto kept = std::find_if(state.segments.begin(), state.segments.end() - 1,
                                 [&](const SegmentState& s) { return s.next > state.start; });
  Removed removed(state.segments.begin(), kept);
  state.segments.erase(state.segments.begin(), kept);
  state.epochs.drop_before(state.start);
  std::erase_if(state.damages, [&](const DamagedRange& d) { return d.to <= state.start; });
  // No replica gives what lies before.
  if (!state.damages.empty()) state.damages.front().from = std::max(state.damages.front().from, state.start);
  return removed;
}

Removed change(LogState& state, const BeginEpoch& begin) {
  const auto latest = state.epochs.latest();
  if (!latest || begin.epoch > *latest) state.epochs.begin(begin.epoch, state.end);
  return {};
}

Removed swap_files(LogState& state, const std::vector<FileId>& gone, const std::vector<SegmentState>& come) {
  Removed removed;
  std::erase_if(state.segments, [&](const SegmentState& s) {
    if (std::ranges::find(gone, s.id) == gone.end()) return false;
    removed.push_back(s);
    return true;
  });
  GW_CHECK(!state.segments.empty(), "the active segment is never swapped");
  for (const SegmentState& added : come) {
    // Nothing of it was kept: the offsets are a gap.
    if (added.empty()) {
      removed.push_back(added);
      continue;
    }
    state.segments.insert(std::ranges::upper_bound(state.segments, added.base, {}, &SegmentState::base),
                          added);
  }
  return removed;
}

Removed change(LogState& state, const SwapSegments& swap) {
  Removed removed = swap_files(state, swap.removed, swap.added);
  state.cleaned_to = std::max(state.cleaned_to, swap.cleaned_to);
  return removed;
}

Removed change(LogState& state, const RepairRange& repair) {
  Removed removed = swap_files(state, repair.removed, repair.added);
  state.remove_damage(repair.from, repair.to);
  for (const DamagedRange& damage : repair.left) state.add_damage(damage);
  // A replica that is not compacted as far gives records back that were superseded here, perhaps by a tombstone.
  state.cleaned_to = std::min(state.cleaned_to, repair.from);
  // Where the journal had lost them, nobody here saw these batches. Whoever has them at hand may know better.
  state.producers_incomplete = true;
  return removed;
}

Removed change(LogState& state, const ConfigureLog& configure) {
  state.config = configure.config;
  // The journal changes when all is synced.
  if (configure.config.flush == LogConfig::Flush::always) state.unsynced_in.clear();
  return {};
}

Removed change(LogState& state, const MarkUnsynced& mark) {
  // An earlier run of the machine ended before all was synced, and the checkpoint does not say so yet.
  if (!mark.boot.empty()) state.doubt_unsynced(mark.boot);
  state.unsynced_in = mark.boot;
  if (mark.proven) {
    state.unproven.clear();
    state.tail_doubted = false;
  }
  return {};
}

Removed change(LogState& state, const SkipDamage& skip) {
  GW_CHECK(skip.to >= state.end, "offsets never go back over a damage");
  Removed removed;
  seal_active(state, skip.file, skip.to, removed);
  if (skip.from < skip.to) state.add_damage({skip.from, skip.to, skip.what});
  state.end = skip.to;
  return removed;
}

Removed change(LogState&, const CreateLog&) {
  GW_CHECK(false, "created() makes a new state");
  return {};
}

Removed change(LogState&, const DropLog&) {
  GW_CHECK(false, "a dropped log has no state");
  return {};
}

}  // namespace

EntryKind kind_of(const StructureRecord& record) {
  return std::visit([]<class T>(const T&) { return T::kKind; }, record);
}

const RecordHead& head_of(const StructureRecord& record) {
  return std::visit([](const auto& r) -> const RecordHead& { return r.head; }, record);
}

RecordHead& head_of(StructureRecord& record) {
  return std::visit([](auto& r) -> RecordHead& { return r.head; }, record);
}

Bytes encode_record(const StructureRecord& record) {
  return std::visit(
      []<class T>(const T& r) {
        int16_t version = T::kFormat.versions.last;
        if constexpr (requires { r.version_needed(); }) version = r.version_needed();
        auto bytes = codec::encode_versioned(r, version);
        GW_CHECK(bytes.has_value(), "a record of ours can be encoded");
        return std::move(*bytes);
      },
      record);
}

Result<StructureRecord> decode_structure(EntryKind kind, const Bytes& meta) {
  return decode_one_of(kind, SharedBytes::copy(meta), static_cast<StructureRecord*>(nullptr));
}

LogState created(const CreateLog& record) {
  GW_CHECK(record.head.version == 1, "a log's first record creates it");
  LogState state;
  state.id = record.head.id();
  state.incarnation = record.head.incarnation;
  state.version = 1;
  state.config = record.config;
  state.start = state.end = state.high_watermark = record.start;
  state.segments = {empty_segment(record.file, record.start)};
  return state;
}

std::vector<SegmentState> apply_record(LogState& state, const StructureRecord& record) {
  GW_CHECK(head_of(record).version == state.version + 1, "structure records are applied in their order");
  state.version = head_of(record).version;
  return std::visit([&](const auto& r) { return change(state, r); }, record);
}

}  // namespace godwit::storage
