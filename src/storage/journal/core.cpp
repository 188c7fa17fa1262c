#include "storage/journal/core.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "storage/journal/make_file.h"

namespace godwit::storage::journal {
namespace {

// Waits for the answer to a write(). On the caller's shard.
struct AnswerAwaiter {
  PendingWritePtr pending;
  explicit AnswerAwaiter(PendingWritePtr p) : pending(std::move(p)) {}
  AnswerAwaiter(const AnswerAwaiter&) = delete;
  AnswerAwaiter& operator=(const AnswerAwaiter&) = delete;
  ~AnswerAwaiter() { pending->abandoned = true; }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { pending->waiter = handle; }
  void await_resume() const noexcept {}
};

int64_t as_count(MonotonicTime time) {
  return time.time_since_epoch().count();
}

}  // namespace

Core::Core(JournalOptions options, runtime::FileSystem& files, runtime::Shard& shard,
           runtime::Shard& background, DiagnosticSink& diagnostics, FileSet set, StartPoint start,
           uint64_t next_file)
    : options_(std::move(options)),
      files_(files),
      shard_(shard),
      background_(background),
      diagnostics_(diagnostics),
      set_(std::move(set)),
      next_file_(next_file),
      start_(start.next),
      follows_(start.last),
      next_(start.next),
      last_(start.last),
      last_filled_(start.last),
      synced_(start.last),
      marked_(start.marked) {}

void Core::start() {
  last_round_at_ = shard_.now();
  if (auto gone = set_.release(set_.released()); !gone.empty()) {
    ++loops_;
    shard_.spawn(delete_files(std::move(gone)));
  }
  publish_usage();
  ++loops_;
  shard_.spawn(run());
  if (!synced_mode()) {
    ++loops_;
    shard_.spawn(sync_loop());
  }
  ensure_files();
}

runtime::Task<Result<Sequence>> Core::write(std::vector<JournalEntry> entries) {
  auto pending = std::make_shared<PendingWrite>();
  for (const JournalEntry& entry : entries) {
    pending->bytes += entry.bytes();
    if (entry.meta.size() > kMetaMax) co_return fail(ErrorKind::limit, "a journal entry's meta is too large");
  }
  if (pending->bytes > options_.round_bytes_max) {
    co_return fail(ErrorKind::limit, "one write to the journal has " + std::to_string(pending->bytes) +
                                         " bytes, a round at most " +
                                         std::to_string(options_.round_bytes_max));
  }
  pending->entries = std::move(entries);
  pending->origin = runtime::Shard::current();
  GW_CHECK(pending->origin != nullptr, "the journal answers on a shard");
  if (pending->origin == &shard_) {
    enqueue(pending);
  } else {
    shard_.post([self = shared_from_this(), pending] { self->enqueue(pending); });
  }
  AnswerAwaiter answer(pending);
  co_await answer;
  co_return std::move(*pending->result);
}

void Core::enqueue(PendingWritePtr pending) {
  ++calls_in_;
  if (closing_) {
    answer({std::move(pending)}, fail(ErrorKind::closed, "the journal is closed"));
    return;
  }
  queue_.push_back(std::move(pending));
  changed_.notify_all();
}

// Answers with one message for each shard that waits.
void Core::answer(std::vector<PendingWritePtr> batch, const Result<Sequence>& result) {
  calls_answered_ += batch.size();
  for (auto& pending : batch) pending->result.emplace(result);
  while (!batch.empty()) {
    runtime::Shard* const origin = batch.front()->origin;
    const auto others = std::stable_partition(batch.begin(), batch.end(),
                                              [&](const auto& pending) { return pending->origin == origin; });
    std::vector<PendingWritePtr> mine(std::make_move_iterator(batch.begin()),
                                      std::make_move_iterator(others));
    batch.erase(batch.begin(), others);
    origin->post([mine = std::move(mine)] {
      for (const auto& pending : mine) {
        if (!pending->abandoned && pending->waiter) pending->waiter.resume();
      }
    });
  }
  answered_.notify_all();
}

void Core::answer_queue(const Error& error) {
  std::vector<PendingWritePtr> batch(std::make_move_iterator(queue_.begin()),
                                     std::make_move_iterator(queue_.end()));
  queue_.clear();
  answer(std::move(batch), fail(error));
}

runtime::Task<void> Core::run() {
  const auto self = shared_from_this();
  while (!closing_ || !queue_.empty()) {
    if (queue_.empty() && !mark_due()) {
      co_await wait_for_work();
      continue;
    }
    if (failed_) {
      answer_queue(*failed_);
      continue;
    }
    co_await serve_round();
    co_await let_in();
  }
  run_ended_ = true;
  --loops_;
  notify_all();
}

runtime::Task<void> Core::wait_for_work() {
  if (mark_wanted()) {
    co_await changed_.wait_until(last_round_at_ + options_.idle_mark);
  } else {
    co_await changed_.wait();
  }
}

// Whether what was acknowledged is not yet covered by a mark that stands on the disk.
bool Core::mark_wanted() const {
  return !failed_ && !closing_ && last_filled_ > marked_ && synced_ >= last_filled_ && !set_.full(kBlock);
}

bool Core::mark_due() const {
  return mark_wanted() && shard_.now() >= last_round_at_ + options_.idle_mark;
}

// Lets in what other shards posted while the disk worked: this callback comes behind all of it.
runtime::Task<void> Core::let_in() {
  runtime::Condition behind;
  shard_.post([&behind] { behind.notify_all(); });
  co_await behind.wait();
}

runtime::Task<void> Core::serve_round() {
  const uint64_t first_bytes = queue_.empty() ? 0 : queue_.front()->bytes;
  const auto file = co_await place_for(round_up(kHeaderBytes + first_bytes));
  if (!file) {
    answer_queue(file.error());
    co_return;
  }
  const uint64_t room = (*file)->size - (*file)->position - kHeaderBytes;
  auto batch = take_batch(std::min(options_.round_bytes_max, room));
  round_since_ = as_count(shard_.now());
  const auto written = co_await write_round(**file, batch);
  round_since_ = kIdle;
  if (written) {
    round_done(batch, *written);
    const Sequence sequence = last_;
    answer(std::move(batch), sequence);
    co_return;
  }
  if (written.error().kind == ErrorKind::no_space) {
    go_on_after_no_space();
  } else {
    fail_for_good(written.error(), (*file)->handle->path());
  }
  answer(std::move(batch), fail(failed_ ? *failed_ : written.error()));
}

// The current file or a free one. Waits only for a file that is being made.
runtime::Task<Result<JournalFile*>> Core::place_for(uint64_t bytes) {
  bool begins = false;
  JournalFile* file = set_.place(bytes, begins);
  while (file == nullptr) {
    if (!making_) {
      publish_usage();
      co_return fail(ErrorKind::unavailable,
                     "the journal in " + options_.directory + " is full until older rounds are released");
    }
    urgent_ = true;
    co_await changed_.wait();
    file = set_.place(bytes, begins);
  }
  urgent_ = false;
  if (begins) file->salt = shard_.random().next();
  co_return file;
}

std::vector<PendingWritePtr> Core::take_batch(uint64_t bytes_max) {
  std::vector<PendingWritePtr> batch;
  uint64_t bytes = 0;
  while (!queue_.empty() && bytes + queue_.front()->bytes <= bytes_max) {
    bytes += queue_.front()->bytes;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

runtime::Task<Result<uint64_t>> Core::write_round(JournalFile& file,
                                                  const std::vector<PendingWritePtr>& batch) {
  RoundPacker packer;
  for (const auto& pending : batch) packer.add(pending->entries);
  const uint64_t bytes = packer.block_bytes();
  if (buffer_.size() < bytes) buffer_ = runtime::AlignedBuffer(std::bit_ceil(bytes));
  RoundHeader header;
  header.salt = file.salt;
  header.file = file.number;
  header.position = file.position;
  header.sequence = next_;
  header.synced = synced_;
  header.start = start_;
  header.follows = follows_;
  header.released = set_.released();
  packer.pack(header, buffer_.bytes());
  const BytesView block = buffer_.view().first(bytes);
  file.dirty = true;
  GW_TRY(co_return, co_await file.handle->write_at(file.position, {&block, 1}));
  if (synced_mode()) {
    if (const auto synced = co_await file.handle->sync(); !synced) {
      // Whatever the reason, nothing is known of the pages: no way back as after a refused write.
      co_return fail(ErrorKind::io, synced.error().message);
    }
    file.dirty = false;
  }
  marked_ = header.synced;
  co_return bytes;
}

void Core::round_done(const std::vector<PendingWritePtr>& batch, uint64_t bytes) {
  no_space_told_ = false;
  set_.wrote(next_, bytes);
  last_ = next_;
  if (!batch.empty()) last_filled_ = next_;
  if (synced_mode()) synced_ = next_;
  ++next_;
  last_round_at_ = shard_.now();
  publish_usage();
  if (synced_mode()) return;
  // A mark says what is on stable storage; it is worth something there only.
  if (batch.empty()) sync_asked_ = true;
  sync_changed_.notify_all();
}

// Rule 14: after a failed write or sync nobody knows what is on the disk; the way back is a start.
void Core::fail_for_good(const Error& error, const std::string& path) {
  if (failed_) return;
  failed_ = Error{ErrorKind::io, "the journal cannot be written any more (" + error.message +
                                     "); restart the broker when the disk works again"};
  stop_ = true;
  diagnostics_.emit({Severity::error, "journal.failed", failed_->message, {{"path", path}}});
  notify_all();
}

// The file system had no room to overwrite. The round may or may not be found later, so its sequence is not
// used again and what follows begins like a new process: it names the last round that counts. It stands where the refused
// one was to stand: one of the two is there, and the file keeps its room. In a fresh file each refusal would cost what is
// left of this one, which no release accounts for, until there is no room for what makes room.
void Core::go_on_after_no_space() {
  ++next_;
  start_ = next_;
  follows_ = last_;
  // An idle mark is tried again when the next would be due.
  last_round_at_ = shard_.now();
  publish_usage();
  if (std::exchange(no_space_told_, true)) return;
  diagnostics_.emit({Severity::warning,
                     "journal.no_space",
                     "the file system has no space to overwrite in",
                     {{"directory", options_.directory}}});
}

runtime::Task<Result<void>> Core::release(Sequence through) {
  if (through >= next_) {
    co_return fail(ErrorKind::invalid, "round " + to_string(through) + " was never written");
  }
  auto gone = set_.release(through);
  if (!gone.empty()) {
    ++loops_;
    shard_.spawn(delete_files(std::move(gone)));
  }
  const bool reading = std::any_of(set_.all().begin(), set_.all().end(), [&](const JournalFile& file) {
    return file.recovered && file.needed(set_.released());
  });
  if (!reading) {
    read_window_ = runtime::AlignedBuffer();
    read_bytes_ = 0;
  }
  publish_usage();
  ensure_files();
  changed_.notify_all();
  co_return Result<void>();
}

runtime::Task<Result<void>> Core::sync() {
  if (closing_) co_return fail(ErrorKind::closed, "the journal is closed");
  const uint64_t calls = calls_in_;
  while (calls_answered_ < calls) co_await answered_.wait();
  const Sequence target = last_;
  while (!failed_ && synced_ < target) {
    if (closing_) co_return fail(ErrorKind::closed, "the journal is closed");
    sync_asked_ = true;
    sync_changed_.notify_all();
    co_await answered_.wait();
  }
  if (failed_) co_return fail(*failed_);
  co_return Result<void>();
}

runtime::Task<void> Core::close() {
  closing_ = true;
  stop_ = true;
  notify_all();
  while (loops_ > 0) co_await answered_.wait();
  for (JournalFile& file : set_.all()) file.handle.reset();
  co_await background_.call([self = shared_from_this()] { self->sync_handles_.clear(); });
}

void Core::notify_all() {
  changed_.notify_all();
  sync_changed_.notify_all();
  answered_.notify_all();
}

void Core::publish_usage() {
  const Journal::Usage usage = set_.usage(last_);
  seen_used_ = usage.used;
  seen_capacity_ = usage.capacity;
  const uint64_t coming = making_ ? set_.missing() * options_.file_bytes : 0;
  seen_free_ = usage.free + coming;
  seen_usable_ = usage.usable + coming;
  seen_last_ = usage.last.value();
  seen_oldest_ = usage.oldest.value();
  seen_oldest_end_ = usage.oldest_file_end.value();
  seen_full_ = !making_ && set_.full(kBlock);
}

Journal::Usage Core::usage() const {
  return {.used = seen_used_,
          .capacity = seen_capacity_,
          .free = seen_free_,
          .usable = seen_usable_,
          .last = Sequence(seen_last_),
          .oldest = Sequence(seen_oldest_),
          .oldest_file_end = Sequence(seen_oldest_end_),
          .full = seen_full_};
}

std::optional<MonotonicTime> Core::busy_since() const {
  const int64_t since = std::min(round_since_.load(), sync_since_.load());
  if (since == kIdle) return std::nullopt;
  return MonotonicTime(Duration(since));
}

}  // namespace godwit::storage::journal
