// The one implementation of Log: a LogState, the memory of its newest bytes, and what is on its way to the
// journal.
//
// append → admit: state, tail and `news_` change together; the shard's RoundBuilder takes the news, and
// round_done() makes it stable. Everything that was admitted is in the journal's next rounds in the same
// order, so the state, with all that it admitted, is the state after replaying those rounds.
//
//   partition_log.cpp            admission
//   partition_log_rounds.cpp     rounds, stability
//   partition_log_read.cpp       reading, look-ups by time
//   partition_log_structure.cpp  roll, epochs, truncation, start, drop
//   partition_log_files.cpp      its segment files: reading, write-back, what is restored at start
//   partition_log_compaction.cpp what compaction does with it
//   partition_log_repair.cpp     damage that a read finds, repair
//   partition_log_producers.cpp  producers after a truncation
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <variant>

#include "record/batch_header.h"
#include "runtime/sync.h"
#include "storage/log.h"
#include "storage/round_builder.h"
#include "storage/segment_live.h"
#include "storage/structure_record.h"

namespace godwit::storage {

class LogShard;
class SegmentOutput;
struct RecoveredLog;

class PartitionLog final : public Log, public RoundSource, public std::enable_shared_from_this<PartitionLog> {
 public:
  // An empty log whose CreateLog is still to be journalled.
  PartitionLog(LogShard& shard, CreateLog record);
  // A log as checkpoint and journal left it; its bytes follow with restore_….
  PartitionLog(LogShard& shard, LogState state);
  ~PartitionLog() override;

  // Log
  const TopicPartition& id() const override { return state_.id; }
  Offset start() const override { return state_.start; }
  Offset end() const override { return failed_ ? std::min(stable_end_, state_.end) : state_.end; }
  Offset stable_end() const override { return stable_end_; }
  Offset synced_end() const override { return synced_end_; }
  uint64_t size_bytes() const override { return state_.bytes(); }
  const EpochHistory& epochs() const override { return state_.epochs; }
  const ProducerState& producers() const override { return state_.producers; }
  const LogConfig& config() const override { return config_; }
  void set_config(LogConfig config) override;
  void set_observer(LogObserver* observer) override { observer_ = observer; }
  Offset high_watermark() const override { return state_.high_watermark; }
  void set_high_watermark(Offset offset) override;
  runtime::Task<Served<Appended>> append(MutableBytes batch, AppendContext context) override;
  runtime::Task<Served<void>> append_replicated(BytesView batches, WallTime now,
                                                MonotonicTime deadline) override;
  runtime::Task<ErrorCode> wait_stable(Offset end, MonotonicTime deadline) override;
  runtime::Task<Served<ReadAnswer>> read(ReadRequest request) override;
  runtime::Task<Served<std::optional<TimestampedOffset>>> find_timestamp(int64_t timestamp_ms,
                                                                         Offset end) override;
  runtime::Task<Served<std::optional<TimestampedOffset>>> find_timestamp_max(Offset end) override;
  void fence(LeaderEpoch epoch) override { fence_ = std::max(fence_, epoch); }
  runtime::Task<Served<void>> begin_epoch(LeaderEpoch epoch) override;
  runtime::Task<Served<void>> delete_before(Offset offset) override;
  runtime::Task<Served<void>> truncate(Offset offset) override;
  runtime::Task<Served<void>> restart_at(Offset offset) override;
  std::vector<Damage> damages() const override;
  runtime::Task<Served<void>> repair(BytesView batches, Offset from, Offset to) override;
  runtime::Task<Served<void>> roll() override;
  Stats stats() const override;

  // RoundSource
  std::shared_ptr<RoundSource> keep_alive() override { return shared_from_this(); }
  Taken take_round(std::vector<JournalEntry>& out, uint64_t budget) override;
  void round_done(Sequence sequence) override;
  void round_refused() override;
  void round_failed() override;

  // For the store's other rooms.

  const LogState& state() const { return state_; }
  // Journals the record that made this log, and waits for it.
  runtime::Task<Served<void>> make_durable();
  // Journals the end of this log; every call afterwards is refused, waiting ones too.
  runtime::Task<Served<void>> drop();
  bool dropped() const { return dropped_; }
  // drop() was called: it is not found any more, even if that should fail.
  bool dropping() const { return dropping_; }
  // It leaves its shard, which could not load it.
  void disown() {
    disowned_ = true;
    settle_seal();
  }
  bool failed() const { return failed_; }
  // Structure records up to this one were admitted, that of its end among them.
  uint64_t admitted_version() const { return state_.version + (drop_admitted_ ? 1 : 0); }
  // Structure records up to this one are on stable storage.
  uint64_t durable_version() const { return synced_version_; }
  // As Store::set_proven.
  void set_proven();
  // The data directory failed (rule 14): what is not stable will not be.
  void end_writes();
  // Raises the start to at least `offset`, in the background of everything else (retention).
  runtime::Task<Served<void>> raise_start(Offset offset);
  // The state without what is not on stable storage yet; empty while a structure record is not: wait_synced().
  std::optional<LogState> synced_state() const;
  // Offsets [from, to) were given and cannot be read (rule 12): the log goes on at `to`, in a new file.
  runtime::Task<Served<void>> skip_damage(Offset from, Offset to, std::string what);
  // Forgets what retention.ms and retention.bytes no longer ask for, and producers that are gone.
  runtime::Task<void> retain(WallTime now);
  // Waits until every structure record up to `version`, and the offsets before `end` in it, are durable.
  runtime::Task<bool> wait_synced(uint64_t version, Offset end);
  // What waits to be synced, for interval topics.
  struct Unsynced {
    uint64_t version;
    Offset end;
    std::vector<std::pair<FileId, Position>> files;
  };
  Unsynced unsynced();
  // All that unsynced() named is on stable storage.
  void set_synced(const Unsynced& what);
  // Of flush=interval topics: whether a start after a power cut will doubt that the end is there; taken back when all
  // is synced. The first gives false while that is not so, or somebody changes the log.
  bool try_unmark_unsynced();
  runtime::Task<void> unmark_unsynced();
  bool marked_unsynced() const { return !state_.unsynced_in.empty(); }
  // Write-back. What of each file can be written now: stable bytes in whole blocks, of a sealed file all.
  template <class Visit>  // visit(FileId, uint64_t bytes, bool sealed)
  void for_each_writable(Visit visit) const {
    for (const auto& l : live_) {
      const SegmentState* const segment = state_.find(l->id);
      if (segment == nullptr || !l->tail || l->write_under_way) continue;
      const Position end = writable_end(*segment, *l);
      if (end > segment->written) visit(l->id, end - segment->written, segment != &state_.active());
    }
  }
  // The next bytes of `file` to be written, pinned; empty when there are none.
  struct WriteBlock {
    FileId file;
    Position from;
    Position to;  // of the file's bytes; what is written behind is padding
    std::vector<BytesView> views;
    Chain pinned;
  };
  std::optional<WriteBlock> next_write(FileId file, uint64_t bytes_max);
  // Writes it. Gives how many unwritten bytes the log has less by that: none where the segment left it meanwhile and took
  // them along. Errors as SegmentWriter::write; nothing changed then.
  runtime::Task<Result<uint64_t>> write_block(const WriteBlock& block);
  // A write of that file, or of its index, is under way: it may make what is removed now again.
  bool is_writing(FileId file) const {
    return std::find(writing_.begin(), writing_.end(), file) != writing_.end();
  }
  // What is synced of a file, not in it, and came to a journal with `through` (of the relaxed journal: the other) or
  // earlier, so that it is to be journalled again. The rounds of what is not synced yet stay.
  struct Remainder {
    FileId file;
    uint64_t bytes = 0;
    bool writable = false;  // a part of it could be written instead
    bool active = false;    // it can be sealed
    bool relaxed = false;   // the journal that it would be carried in
    Sequence oldest;        // the first round that it keeps
  };
  std::vector<Remainder> remainders(Sequence through, Sequence through_relaxed);
  // Journals it again. wait_carried() waits for that; false there: it will not become durable.
  void carry_forward(FileId file);
  runtime::Task<bool> wait_carried();
  // Rolls, so that all of `file` can be written, where it is the active one. The journal has the room for that: it is held
  // since the file got bytes (RoundBuilder::hold_seal). Takes no turn: whoever has it may wait for what this makes room
  // for. False: nothing was done, for the log ends, the store closes, or there is no id for a new file.
  runtime::Task<bool> seal_for_write_back(FileId file);
  // The oldest round of that journal that holds bytes which are not in files.
  std::optional<Sequence> oldest_round(bool in_relaxed) const;
  // Gives back up to `bytes` of memory whose bytes are in files too; how many.
  size_t drop_cached(size_t bytes);
  // Little was appended for a while: gives back what is not needed. False while something is under way.
  bool shrink();
  // Bytes of memory that shrink() would give back, about.
  size_t spare_memory() const;
  uint64_t unwritten_bytes() const;

  // Compaction. Whole batches of one sealed file, from the one that contains or follows `from`.
  runtime::Task<Result<SegmentRead>> read_segment(FileId file, Offset from, size_t bytes_max);
  // A read of `file` from `from` on failed: what cannot be read becomes a damage.
  // Where there is no memory to look with as `memory` says, nothing is noted.
  runtime::Task<void> note_damage(FileId file, Offset from, std::string what,
                                  ReadMemory memory = ReadMemory::wait);
  // Whether it is the newest that is known of its producer.
  bool is_last_of_producer(const BatchHeader& header) const;
  // A new, empty file for output.
  runtime::Task<Result<void>> make_output_file(FileId file);
  // Counts the ranges that were put back: what a compaction compared before one is not all that was there.
  uint64_t repairs() const { return repairs_; }
  // Puts the new segments in the place of `old`. When some of those are gone or were cut meanwhile, or the log has had
  // other repairs than `repairs`, the new files are removed and nothing changes. Durable on return.
  runtime::Task<Result<void>> swap_segments(SwapSegments swap, const std::vector<SegmentState>& old,
                                            uint64_t repairs);

  // Finds the producers that a truncation or a repair made unknown, in the background of everything else (ProducerSearch).
  // False: it is to be called again later.
  runtime::Task<bool> seek_incomplete();
  // Leaves that to the shard, where it is needed and was not done yet.
  void seek_if_incomplete();

  // In the shard's lists of logs with cached memory, and with recent appends.
  struct Hook : runtime::ListNode {
    explicit Hook(PartitionLog& l) : log(l) {}
    PartitionLog& log;
  };
  Hook cached_hook{*this};
  Hook recent_hook{*this};
  Hook unsynced_hook{*this};
  uint64_t appended_lately = 0;  // bytes, since the shard looked last

  // Whether it has bytes of `file` in memory.
  bool has_tail(FileId file) const {
    const SegmentLive* const l = find_live(file);
    return l != nullptr && l->tail != nullptr;
  }
  // Start. Makes room for `bytes` more of `file` in memory; false when the arena is full.
  bool restore_room(FileId file, size_t bytes);
  // Puts replayed bytes there, in any order.
  void restore_bytes(FileId file, Position position, BytesView bytes);
  // Walks the replayed batches of `file`, all that there was room for: the index learns them, and from offset
  // `producers_from` on the producers. They may be written to the file then. Error corrupt: they do not follow each
  // other.
  Result<void> restore_batches(FileId file, Offset producers_from, int64_t now_ms);
  // The bytes of `file` from `position` on came with round `sequence`.
  void restore_mark(FileId file, Sequence sequence, Position position, bool in_relaxed);

 private:
  friend class LogFiles;

  struct DataNews {
    uint64_t version = 0;
    Offset before;  // the log's end before it
    FileId file;
    Offset file_base;
    Position from;
    Position to;
    Offset next;
    LeaderEpoch epoch;
    int64_t timestamp_max = -1;
    int64_t now_ms = -1;
    // Already admitted and stable: a remainder carried forward.
    bool carried = false;
    // What it takes of the journal's room until it is there (JournalRoom).
    uint64_t charged = 0;
  };
  struct StructureNews {
    uint64_t version = 0;
    EntryKind kind{};
    Bytes meta;
    uint64_t charged = 0;
  };
  using News = std::variant<DataNews, StructureNews>;
  // Where a reader went on to: it will ask there next.
  struct ReadHint {
    Offset offset{-1};
    FileId file;
    Position position;
  };

  struct Place {
    FileId file;
    Position position;
    Offset offset;
  };

  // Holds the log's turn, which the caller acquired: admissions and changes of structure come one after the
  // other.
  class Turn {
   public:
    explicit Turn(runtime::Semaphore& turn) : turn_(turn) {}
    ~Turn() { turn_.release(1); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    runtime::Semaphore& turn_;
  };
  // What no admission gets past: dropped, failed, closing, disk full.
  std::optional<Refusal> refusal(bool publishing) const;
  Refusal no_room() const;

  SegmentLive& live(FileId file);
  const SegmentLive* find_live(FileId file) const;
  SegmentLive* find_live(FileId file);
  void forget_live(FileId file);
  Tail& active_tail();

  bool roll_is_due(size_t batch_bytes, WallTime now) const;
  // Takes room for `bytes` more in the active file and in the journal now, or none: admit_batch() has it then, or
  // leave_room() gives it back.
  bool take_room(size_t bytes);
  void leave_room(size_t bytes);
  // Room to seal the active file is held while that has bytes which are not in the file, and only then.
  void settle_seal();
  // Waits until the journal has room for a change of structure. Whoever comes back from it admits one before waiting for
  // anything else, or asks again. Refused when the log takes nothing any more, or the deadline passed.
  runtime::Task<Served<void>> wait_structure_room(std::optional<MonotonicTime> deadline = {});
  // Why no append of that epoch is taken.
  std::optional<Refusal> outdated(LeaderEpoch epoch) const;
  // Cuts the log at `offset`, and with it the epochs that begin there; at end() only those.
  runtime::Task<Served<void>> truncate_in_turn(Offset offset);
  // take_room(), and waits for it. Refused when the deadline passed, or when it would never be there.
  runtime::Task<Served<void>> make_room(size_t bytes, MonotonicTime deadline);
  // State, tail and news take one batch; room was taken.
  void admit_batch(BytesView batch, const BatchHeader& header, WallTime now);
  // State and news take a structure record: head.version and head.end are filled in here.
  void admit_structure(StructureRecord record);
  // Whether it is in the journal of flush=interval topics.
  bool relaxed() const { return state_.config.flush == LogConfig::Flush::interval; }
  runtime::Task<void> switch_flush();
  // config_ is journalled once there is room for that.
  runtime::Task<void> configure_later();
  // Before something is acknowledged that is not synced: that this may be so is on stable storage. In the log's turn.
  // Refused when the deadline passed, or the log takes nothing.
  bool needs_mark() const {
    return relaxed() && (state_.unsynced_in.empty() || synced_version_ < unsynced_mark_);
  }
  runtime::Task<Served<void>> mark_unsynced(MonotonicTime deadline);
  RecordHead next_head() const;
  void add_news(News news);
  void add_structure_news(uint64_t version, EntryKind kind, Bytes meta);
  void take_data(DataNews& news, std::vector<JournalEntry>& out, uint64_t bytes_max, Taken& taken);
  // Waits until what was admitted is durable. Refusals as wait_stable.
  runtime::Task<Served<void>> wait_structure(uint64_t version);
  runtime::Task<Served<void>> wait_admitted();
  // Waits until nothing of this log is on its way to a journal or a file, remainders that are carried included. So it is
  // until the caller waits for something else. In the log's turn. Refusals as wait_stable.
  runtime::Task<Served<void>> wait_quiet();
  bool is_quiet() const;
  runtime::Task<Served<void>> roll_in_turn(std::optional<MonotonicTime> deadline = {});
  // False: segments left the log meanwhile, it is to be tried again.
  runtime::Task<Served<bool>> repair_in_turn(BytesView batches, Offset from, Offset to);
  void notify_advanced();
  // The DropLog is durable.
  void finish_drop();

  // Reading.
  Served<ReadAnswer> read_tail(const SegmentState& segment, const SegmentLive& live, ReadRequest request);
  // The batch in the tail that contains `offset` or is the first behind it.
  std::optional<Position> locate(const SegmentState& segment, const SegmentLive& live, Offset offset) const;
  // The first batch that is known to be whole in the tail; empty when it has none.
  struct TailStart {
    Offset offset;
    Position position;
  };
  std::optional<TailStart> tail_start(const SegmentState& segment, const SegmentLive& live) const;
  static BatchHeader header_at(const Tail& tail, Position position);
  void remember(const ReadHint& hint);
  // Whole batches of `file` that lie (also) on disk, from the one that contains or follows request.from, which
  // lies before what tail_start() gives. last_file_position_ is then where the first of them starts.
  // Empty where its memory is not to be had at once, and the request may not wait.
  runtime::Task<Served<std::optional<ReadAnswer>>> read_file(FileId file, ReadRequest request);
  // The batch that begins in the file and ends in the tail.
  runtime::Task<Served<std::optional<ReadAnswer>>> read_straddling(FileId file, ReadMemory memory);
  SegmentReader& reader_of(const SegmentState& segment);
  // Copies batches of a whole, sealed segment that lie in [from, to) and can be read.
  runtime::Task<Served<void>> copy_readable(SegmentState segment, Offset from, Offset to,
                                            SegmentOutput& output);
  // What is damaged of [segment.base, segment.next) beside [from, to).
  std::vector<DamagedRange> left_damaged(const SegmentState& segment, Offset from, Offset to) const;
  bool is_compacted() const;
  // What a producer claims with a batch; empty where it claims nothing (no id, or a control batch).
  static std::optional<ProducerClaim> claim_of(const BatchHeader& header);
  // Reads what lies before synced_end() for its producers, and takes over what it finds (LogState::producers_incomplete). Takes
  // no turn and changes nothing until it is done; then all at once:
  //
  //   - everything at and behind the offset where it ends was recorded in state_.producers when it was admitted;
  //   - everything before it is settled: no batch of it is undone later, but by a truncation;
  //   - no record was taken away, or put back, since it began. Else it is false, and nothing changes: a truncation may
  //     have taken what was admitted meanwhile, and its producers' batches before that.
  //
  // An append that compares a batch with its producers has found them complete, and has the turn, as everybody who can
  // make them incomplete: they do not change between its comparison and its admission. False too where they are complete
  // already. Refused where something cannot be read now that may be read later.
  runtime::Task<Served<bool>> seek_producers();
  // The same in the log's turn, for an append that cannot wait: appends to this one log wait so long, and those whose deadline
  // passes meanwhile are tried again by their clients, which find it done. Reading goes on; a deletion of the log waits for
  // one part of it. Where seek_incomplete() is at it already, it hurries, and its end is waited for.
  runtime::Task<Served<void>> rebuild_producers();
  // Whether what lies at `offset` is so old that nothing is known of its producers any more.
  bool are_producers_forgotten(Offset offset) const;
  // Where the batch that contains `offset` (or is the first behind it) begins; `offset` < end.
  runtime::Task<Served<Place>> place_of(Offset offset);
  // Hands the batches of [from, end) to `visit` until it gives false.
  runtime::Task<Served<std::optional<TimestampedOffset>>> search(
      Offset from, Offset end, std::function<Result<bool>(const BatchView&)> visit);
  // An offset of the segment before which no batch has a timestamp of at least `timestamp`.
  runtime::Task<Served<Offset>> skip_to_timestamp(FileId file, int64_t timestamp);

  // Files.
  SegmentInfo info_of(const SegmentState& segment) const;
  // Tells the reader, if there is one, what is in the file and what is known of it.
  void tell_reader(const SegmentState& segment, SegmentLive& live);
  Position writable_end(const SegmentState& segment, const SegmentLive& live) const;
  runtime::Task<Result<void>> make_file(FileId file);
  std::string path_of(FileId file) const;
  void advance_written(SegmentState& segment, SegmentLive& live, Position written);
  // Of a file that has all its bytes and will have no others.
  runtime::Task<void> write_index(FileId file);
  // A record of the structure became durable.
  void write_due_indexes();
  // Waits until no block of this log is being written.
  runtime::Task<void> wait_writes();

  LogShard& shard_;
  RoundBuilder* rounds_;  // of the journal that the topic's `flush` asks for
  LogState state_;
  LogConfig config_;  // as set; state_.config follows it with a record
  std::vector<std::unique_ptr<SegmentLive>> live_;
  Offset stable_end_;
  Offset synced_end_;
  uint64_t stable_version_ = 0;
  uint64_t synced_version_ = 0;
  // Of the record that changed its journal last: nothing of a lower version goes to the one that it has now.
  uint64_t journal_version_ = 0;
  LeaderEpoch fence_ = kNoLeaderEpoch;
  uint64_t unsynced_mark_ = 0;  // the version of the last MarkUnsynced of this process
  std::vector<News> news_;
  std::vector<News> under_way_;
  LogObserver* observer_ = nullptr;
  runtime::Condition changed_;  // stable_end_, stable_version_ or the log's fate
  runtime::Semaphore turn_{1};
  // By write_block(), also of segments that left the log meanwhile.
  std::vector<FileId> writing_;
  // What left the log while a round with views of it was under way.
  std::vector<std::unique_ptr<SegmentLive>> retired_;
  uint64_t repairs_ = 0;
  // Counts the records that took batches away, or put some back.
  uint64_t rewrites_ = 0;
  // ProducerSearch has it among its logs; somebody reads it for its producers.
  bool in_search_ = false;
  bool seeking_ = false;
  bool producers_awaited_ = false;  // by an append, which holds the turn
  bool seal_held_ = false;
  bool disowned_ = false;
  std::array<ReadHint, 4> hints_;
  uint8_t next_hint_ = 0;
  Position last_file_position_;
  bool failed_ = false;
  // The version of its DropLog, once that was written.
  std::optional<uint64_t> drop_version_;
  // drop() was called: readers and writers find it no more.
  bool dropping_ = false;
  // Its DropLog was admitted: nothing of it is written or carried any more.
  bool drop_admitted_ = false;
  bool dropped_ = false;
};

}  // namespace godwit::storage
