#include "storage/log_state.h"

#include <algorithm>

#include "base/check.h"
#include "codec/define.h"

namespace godwit::storage {
namespace {

struct StoredProducer {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int64_t last_seen_ms = -1;
  std::vector<ProducerBatch> batches;
  friend bool operator==(const StoredProducer&, const StoredProducer&) = default;
  static void fields(auto& f) {
    f("producer_id", &StoredProducer::producer_id);
    f("epoch", &StoredProducer::epoch);
    f("last_seen_ms", &StoredProducer::last_seen_ms);
    f("batches", &StoredProducer::batches);
  }
};

struct StoredLog {
  static constexpr codec::Format kFormat{.name = "StoredLog", .versions = {0, 2}};
  TopicId topic;
  PartitionIndex partition;
  FileId incarnation;
  uint64_t version = 0;
  LogConfig config;
  Offset start;
  Offset end;
  Offset high_watermark;
  std::vector<SegmentState> segments;
  std::vector<EpochStart> epochs;
  std::vector<StoredProducer> producers;
  std::vector<DamagedRange> damages;
  Offset cleaned_to;
  bool producers_incomplete = false;
  std::string unproven;
  std::string unsynced_in;
  bool tail_doubted = false;
  static void fields(auto& f) {
    f("topic", &StoredLog::topic);
    f("partition", &StoredLog::partition);
    f("incarnation", &StoredLog::incarnation);
    f("version", &StoredLog::version);
    f("config", &StoredLog::config);
    f("start", &StoredLog::start);
    f("end", &StoredLog::end);
    f("high_watermark", &StoredLog::high_watermark);
    f("segments", &StoredLog::segments);
    f("epochs", &StoredLog::epochs);
    f("producers", &StoredLog::producers);
    f("damages", &StoredLog::damages);
    f("cleaned_to", &StoredLog::cleaned_to);
    f("producers_incomplete", &StoredLog::producers_incomplete);
    f("unproven", &StoredLog::unproven, codec::since(1));
    f("unsynced_in", &StoredLog::unsynced_in, codec::since(2));
    f("tail_doubted", &StoredLog::tail_doubted, codec::since(2));
  }
};

// What EpochHistory and LogState take for granted: bytes that pass a checksum may still be another program's.
bool coherent(const StoredLog& log) {
  if (log.segments.empty() || log.start > log.end) return false;
  for (size_t i = 0; i < log.segments.size(); ++i) {
    const SegmentState& s = log.segments[i];
    if (s.base > s.next || s.next > log.end) return false;
    if (s.boundary > s.written || s.written > s.resume || s.resume > s.end) return false;
    if (s.boundary_offset > s.resume_offset || s.resume_offset > s.next) return false;
    if (s.written.value() % kBlockMin != 0 && s.written != s.end) return false;
    if (i > 0 && log.segments[i - 1].next > s.base) return false;
  }
  for (size_t i = 1; i < log.epochs.size(); ++i) {
    if (log.epochs[i - 1].epoch >= log.epochs[i].epoch || log.epochs[i - 1].start > log.epochs[i].start) {
      return false;
    }
  }
  return std::ranges::all_of(log.producers,
                             [](const auto& p) { return p.batches.size() <= kProducerBatchesKept; });
}

}  // namespace
}  // namespace godwit::storage

GODWIT_STORED_CODEC(godwit::storage::StoredLog);

namespace godwit::storage {

const SegmentState* LogState::find(Offset offset) const {
  const auto found = std::ranges::find_if(segments, [&](const SegmentState& s) { return s.next > offset; });
  return found == segments.end() ? nullptr : &*found;
}

const SegmentState* LogState::find(FileId file) const {
  // What is asked for is mostly young.
  for (auto s = segments.rbegin(); s != segments.rend(); ++s) {
    if (s->id == file) return &*s;
  }
  return nullptr;
}

SegmentState* LogState::find(FileId file) {
  return const_cast<SegmentState*>(std::as_const(*this).find(file));
}

const DamagedRange* LogState::damage_from(Offset offset) const {
  const auto found = std::ranges::find_if(damages, [&](const DamagedRange& d) { return d.to > offset; });
  return found == damages.end() ? nullptr : &*found;
}

void LogState::add_damage(DamagedRange damage) {
  auto at = std::ranges::find_if(damages, [&](const DamagedRange& d) { return d.to >= damage.from; });
  while (at != damages.end() && at->from <= damage.to) {
    damage.from = std::min(damage.from, at->from);
    damage.to = std::max(damage.to, at->to);
    at = damages.erase(at);
  }
  damages.insert(at, std::move(damage));
}

void LogState::remove_damage(Offset from, Offset to) {
  std::vector<DamagedRange> left;
  for (const DamagedRange& damage : damages) {
    if (damage.to <= from || damage.from >= to) {
      left.push_back(damage);
      continue;
    }
    if (damage.from < from) left.push_back({damage.from, from, damage.what});
    if (damage.to > to) left.push_back({to, damage.to, damage.what});
  }
  damages = std::move(left);
}

void LogState::doubt_unsynced(std::string_view boot) {
  if (unsynced_in.empty() || (unsynced_in == boot && boot != kSomeBoot)) return;
  tail_doubted = true;
  unsynced_in.clear();
}

uint64_t LogState::bytes() const {
  uint64_t sum = 0;
  for (const SegmentState& s : segments) sum += s.end.value();
  return sum;
}

uint64_t LogState::unwritten_bytes() const {
  uint64_t sum = 0;
  for (const SegmentState& s : segments) sum += s.end - s.written;
  return sum;
}

Result<Bytes> encode_log_state(const LogState& state) {
  StoredLog log{.topic = state.id.topic,
                .partition = state.id.partition,
                .incarnation = state.incarnation,
                .version = state.version,
                .config = state.config,
                .start = state.start,
                .end = state.end,
                .high_watermark = state.high_watermark,
                .segments = state.segments,
                .epochs = state.epochs.starts(),
                .producers = {},
                .damages = state.damages,
                .cleaned_to = state.cleaned_to,
                .producers_incomplete = state.producers_incomplete,
                .unproven = state.unproven,
                .unsynced_in = state.unsynced_in,
                .tail_doubted = state.tail_doubted};
  for (const ProducerEntry& entry : state.producers.entries()) {
    log.producers.push_back(
        {entry.producer_id, entry.epoch, entry.last_seen_ms, {entry.batches.begin(), entry.batches.end()}});
  }
  // It could not be read again, nor any other log of its checkpoint.
  if (!coherent(log)) return fail(ErrorKind::corrupt, "StoredLog: its fields contradict each other");
  // An older build can go on with the directory where the newer fields say nothing.
  const bool plain = log.unsynced_in.empty() && !log.tail_doubted;
  return codec::encode_versioned(log, plain ? 1 : 2);
}

Result<LogState> decode_log_state(const SharedBytes& bytes) {
  auto log = codec::decode_versioned<StoredLog>(bytes);
  if (!log) return fail(std::move(log).error());
  if (!coherent(*log)) return fail(ErrorKind::corrupt, "StoredLog: its fields contradict each other");
  std::vector<ProducerEntry> producers;
  for (const StoredProducer& stored : log->producers) {
    ProducerEntry entry{stored.producer_id, stored.epoch, stored.last_seen_ms, {}};
    for (const ProducerBatch& batch : stored.batches) entry.batches.push(batch);
    producers.push_back(entry);
  }
  return LogState{.id = {log->topic, log->partition},
                  .incarnation = log->incarnation,
                  .version = log->version,
                  .config = log->config,
                  .start = log->start,
                  .end = log->end,
                  .high_watermark = log->high_watermark,
                  .segments = std::move(log->segments),
                  .epochs = EpochHistory(std::move(log->epochs)),
                  .producers = ProducerState::from(std::move(producers)),
                  .damages = std::move(log->damages),
                  .cleaned_to = log->cleaned_to,
                  .producers_incomplete = log->producers_incomplete,
                  .unproven = std::move(log->unproven),
                  .unsynced_in = std::move(log->unsynced_in),
                  .tail_doubted = log->tail_doubted};
}

}  // namespace godwit::storage
