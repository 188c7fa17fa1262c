#include "storage/shard_loader.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::storage {
namespace {

// Room is taken in smaller pieces only where a larger one does not fit.
constexpr uint32_t kPieceMin = 64 << 10;

// The journal lacks bytes of this segment that its records tell of, behind the steps: what is whole before them is kept,
// the rest is damaged (rule 12).
void cut_to(ReplayedLog& replayed, SegmentState& segment, std::vector<LoadStep>& steps) {
  LogState& state = replayed.state;
  const auto ends_batch = [&](const LoadStep& step) {
    return step.extent.ends_batch && step.position + step.size == step.extent.end() &&
           step.extent.end() >= segment.resume;
  };
  while (!steps.empty() && !ends_batch(steps.back())) steps.pop_back();
  const Offset from = steps.empty() ? segment.boundary_offset : steps.back().extent.next;
  if (&segment == &state.active()) {
    replayed.lost_from = std::min(from, replayed.lost_from.value_or(from));
    replayed.lost_to = std::max(state.end, replayed.lost_to.value_or(state.end));
  } else if (from < segment.next) {
    state.add_damage({from, segment.next, "its bytes are missing in the journal"});
  }
  segment.next = from;
  if (steps.empty()) {
    segment.end = segment.boundary;
    segment.set_whole();
  } else {
    segment.end = steps.back().extent.end();
  }
}

}  // namespace

void ShardLoader::begin(ReplayedLog replayed) {
  auto loading = std::make_unique<Loading>();
  auto& segments = replayed.state.segments;
  for (SegmentState& segment : segments) {
    if (segment.written == segment.end) continue;
    Loading::Segment load{segment.id, load_plan(replayed.extents, segment.id, segment.written, segment.end)};
    uint64_t there = 0;
    for (const LoadStep& step : load.steps) there += step.size;
    if (there < segment.end - segment.written) cut_to(replayed, segment, load.steps);
    if (!load.steps.empty()) loading->segments.push_back(std::move(load));
  }
  segments.erase(std::remove_if(segments.begin(), segments.end() - 1,
                                [](const SegmentState& segment) { return segment.empty(); }),
                 segments.end() - 1);
  loading->log = &shard_.adopt(replayed.state);
  shard_.write_back().admitted(replayed.state.unwritten_bytes());
  if (replayed.lost_to) {
    const Offset end = replayed.state.end;
    lost_.push_back({replayed.state.id, replayed.lost_from.value_or(end), *replayed.lost_to});
  }
  loading->replayed = std::move(replayed);
  if (!loading->segments.empty()) loading_.push_back(std::move(loading));
}

bool ShardLoader::take_step(Loading& loading, std::vector<Piece>& out) {
  const Loading::Segment& segment = loading.segments[loading.segment];
  const LoadStep& step = segment.steps[loading.step];
  uint32_t size = step.size - loading.step_done;
  // Room stays for what the logs do next.
  const auto usage = shard_.arena()->usage();
  if (!out.empty() && usage.used + size > usage.capacity / 4 * 3) return false;
  while (!loading.log->restore_room(segment.file, size)) {
    if (!out.empty() || size <= kPieceMin) return false;
    size = std::max(kPieceMin, size / 2 / kPieceMin * kPieceMin);
  }
  const Position position = step.position + loading.step_done;
  loading.log->restore_mark(segment.file, step.extent.sequence, position, step.extent.relaxed);
  out.push_back({.log = &loading,
                 .file = segment.file,
                 .position = position,
                 .payload = step.extent.payload,
                 .skip = step.skip + loading.step_done,
                 .size = size,
                 .relaxed = step.extent.relaxed});
  loading.in_wave = true;
  loading.step_done += size;
  if (loading.step_done < step.size) return true;
  loading.step_done = 0;
  if (++loading.step < segment.steps.size()) return true;
  loading.step = 0;
  ++loading.segment;
  return true;
}

Result<std::vector<ShardLoader::Piece>> ShardLoader::next_wave() {
  std::vector<Piece> wave;
  for (size_t i = 0;; ++i) {
    while (i >= loading_.size() && !waiting_.empty()) {
      begin(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (i >= loading_.size()) break;
    Loading& loading = *loading_[i];
    while (loading.segment < loading.segments.size()) {
      if (take_step(loading, wave)) continue;
      if (wave.empty()) {
        return fail(ErrorKind::limit,
                    "memory.arena is too small for what the journal holds: start with more");
      }
      return wave;
    }
  }
  return wave;
}

void ShardLoader::take(const Piece& piece, BytesView payload) {
  if (!payload_is_whole(piece.payload, payload)) {
    piece.log->bad.push_back({piece.payload, piece.relaxed});
    return;
  }
  piece.log->log->restore_bytes(piece.file, piece.position, payload.subspan(piece.skip, piece.size));
}

// Once more, without what is not whole.
void ShardLoader::start_again(Loading& loading) {
  PartitionLog& log = *loading.log;
  const TopicPartition id = log.id();
  shard_.left_unwritten(log.state().unwritten_bytes());
  shard_.disown(id);
  std::erase_if(lost_, [&](const LostTail& lost) { return lost.id == id; });
  std::erase_if(loading.replayed.extents, [&](const ReplayedExtent& extent) {
    return std::ranges::any_of(loading.bad, [&](const Loading::Bad& bad) {
      return bad.relaxed == extent.relaxed && bad.place.file == extent.payload.file &&
             bad.place.position == extent.payload.position;
    });
  });
  waiting_.push_back(std::move(loading.replayed));
}

runtime::Task<Result<void>> ShardLoader::end_wave() {
  std::deque<std::unique_ptr<Loading>> left;
  for (auto& loading : loading_) {
    Result<void> walked;
    if (loading->in_wave && loading->bad.empty()) {
      const ReplayedLog& replayed = loading->replayed;
      for (size_t s = 0; walked && s < loading->segments.size() && s <= loading->segment; ++s) {
        const Loading::Segment& segment = loading->segments[s];
        if (s == loading->segment && loading->step == 0 && loading->step_done == 0) break;
        if (!loading->log->has_tail(segment.file)) continue;
        walked = loading->log->restore_batches(segment.file, replayed.producers_from, replayed.now_ms);
        // Bytes that passed their checksums and are no batches.
        if (!walked) {
          for (const LoadStep& step : segment.steps)
            loading->bad.push_back({step.extent.payload, step.extent.relaxed});
        }
      }
    }
    loading->in_wave = false;
    if (!loading->bad.empty()) {
      const PayloadPlace place = loading->bad.front().place;
      for (const Loading::Bad& bad : loading->bad) (bad.relaxed ? *relaxed_ : journal_).distrust(bad.place);
      context_.diagnostics.emit({Severity::error,
                                 "journal.damaged",
                                 "acknowledged bytes cannot be read from the journal",
                                 {{"partition", context_.folder_of(loading->log->id())},
                                  {"file", std::to_string(place.file)},
                                  {"position", std::to_string(place.position)},
                                  {"why", walked ? "they fail their checksum" : walked.error().describe()}}});
      start_again(*loading);
    } else if (loading->segment < loading->segments.size()) {
      left.push_back(std::move(loading));
    }
  }
  loading_ = std::move(left);
  if (done()) co_return {};
  // More is to come than the arena holds.
  GW_TRY(co_return, co_await shard_.write_back().pass({.bytes_min = kBlockMin}));
  (void)shard_.reclaim(shard_.arena()->usage().capacity);
  co_return {};
}

}  // namespace godwit::storage
