// The core's work beside the rounds: making and deleting files, syncing in the background, reading back.
#include <algorithm>

#include "base/crc32c.h"
#include "storage/journal/block_reader.h"
#include "storage/journal/core.h"
#include "storage/journal/make_file.h"

namespace godwit::storage::journal {

void Core::ensure_files() {
  if (closing_ || failed_ || making_ || retry_waits_ || set_.missing() == 0) return;
  making_ = true;
  publish_usage();
  ++loops_;
  shard_.spawn(make_missing());
}

runtime::Task<void> Core::make_missing() {
  const auto self = shared_from_this();
  while (!closing_ && !failed_ && set_.missing() > 0) {
    if (const auto made = co_await make_now(options_.file_bytes); !made) {
      if (closing_) break;
      diagnostics_.emit({Severity::warning,
                         "journal.file_not_made",
                         "a journal file cannot be made and will be tried again: " + made.error().message,
                         {{"directory", options_.directory}}});
      retry_waits_ = true;
      ++loops_;
      shard_.spawn(retry_later());
      break;
    }
    changed_.notify_all();
  }
  making_ = false;
  publish_usage();
  --loops_;
  notify_all();
}

runtime::Task<void> Core::retry_later() {
  const auto self = shared_from_this();
  const MonotonicTime when = shard_.now() + options_.make_retry;
  while (!closing_ && shard_.now() < when) co_await changed_.wait_until(when);
  retry_waits_ = false;
  ensure_files();
  --loops_;
  notify_all();
}

runtime::Task<Result<void>> Core::make_now(uint64_t size) {
  const uint64_t number = next_file_++;
  auto make = [self = shared_from_this(), number, size] {
    return make_file(self->files_, self->options_.directory, number, size, self->synced_mode(), self->urgent_,
                     self->stop_);
  };
  GW_TRY(co_return, co_await background_.call(std::move(make)));
  co_return co_await add_file(number, size);
}

runtime::Task<Result<void>> Core::make_first(uint64_t size) {
  urgent_ = true;
  auto made = co_await make_now(size);
  urgent_ = false;
  co_return made;
}

runtime::Task<Result<void>> Core::add_file(uint64_t number, uint64_t size) {
  auto handle =
      co_await open_file(files_, options_.directory + "/" + file_name(number), synced_mode(),
                         runtime::OpenOptions::Lane::write_back, runtime::OpenOptions::Create::never);
  if (!handle) co_return fail(handle.error());
  JournalFile file;
  file.number = number;
  file.size = size;
  file.handle = std::move(*handle);
  set_.add(std::move(file));
  publish_usage();
  co_return Result<void>();
}

runtime::Task<void> Core::delete_files(std::vector<JournalFile> files) {
  const auto self = shared_from_this();
  std::vector<FileName> names;
  names.reserve(files.size());
  for (const JournalFile& file : files) names.push_back({file.number, file.handle->path()});
  files.clear();
  co_await background_.call([self, names] { return self->remove_files(names); });
  --loops_;
  notify_all();
}

runtime::Task<void> Core::remove_files(std::vector<FileName> names) {
  for (const FileName& name : names) {
    sync_handles_.erase(name.number);
    if (const auto removed = co_await files_.remove(name.path); !removed) {
      diagnostics_.emit(
          {Severity::warning, "journal.file_not_removed", removed.error().message, {{"path", name.path}}});
    }
  }
}

runtime::Task<void> Core::sync_loop() {
  const auto self = shared_from_this();
  MonotonicTime next = shard_.now() + options_.interval;
  while (!failed_) {
    const bool something = last_ > synced_;
    if (!something && run_ended_) break;
    const bool now = sync_asked_ || run_ended_ || shard_.now() >= next;
    if (!something) {
      co_await sync_changed_.wait();
    } else if (!now) {
      co_await sync_changed_.wait_until(next);
    } else {
      sync_asked_ = false;
      next = shard_.now() + options_.interval;
      if (const auto synced = co_await sync_dirty(); !synced) {
        fail_for_good(synced.error(), options_.directory);
      }
      notify_all();
    }
  }
  --loops_;
  notify_all();
}

// Through handles of the background shard, so that writes go on meanwhile: the pages belong to the file, not
// to a handle.
runtime::Task<Result<void>> Core::sync_dirty() {
  const Sequence target = last_;
  std::vector<FileName> names;
  for (JournalFile& file : set_.all()) {
    if (!file.dirty) continue;
    file.dirty = false;
    names.push_back({file.number, file.handle->path()});
  }
  sync_since_ = shard_.now().time_since_epoch().count();
  const auto self = shared_from_this();
  auto synced = co_await background_.call([self, names] { return self->sync_files(names); });
  sync_since_ = kIdle;
  if (synced) synced_ = std::max(synced_, target);
  co_return synced;
}

runtime::Task<Result<void>> Core::sync_files(std::vector<FileName> names) {
  for (const FileName& name : names) {
    auto& handle = sync_handles_[name.number];
    if (!handle) {
      auto opened =
          co_await files_.open(name.path, {.write = true, .lane = runtime::OpenOptions::Lane::write_back});
      if (!opened) co_return fail(opened.error());
      handle = std::move(*opened);
    }
    GW_TRY(co_return, co_await handle->sync());
  }
  co_return Result<void>();
}

void Core::distrust(uint64_t number) {
  shard_.post([self = shared_from_this(), number] {
    JournalFile* const file = self->set_.find(number);
    if (file != nullptr && file->recovered) file->retire = true;
  });
}

runtime::Task<Result<void>> Core::read_payload(PayloadPlace place, MutableBytes into) {
  JournalFile* const file = set_.find(place.file);
  if (file == nullptr || !file->recovered || !file->needed(set_.released()) || !file->handle) {
    co_return fail(ErrorKind::not_found, "the journal file " + file_name(place.file) + " was released");
  }
  GW_CHECK(into.size() == place.size, "a payload is read whole");
  const auto lock = co_await read_mutex_.lock();
  uint64_t position = place.position;
  MutableBytes left = into;
  while (!left.empty()) {
    const bool inside =
        read_file_ == place.file && position >= read_position_ && position < read_position_ + read_bytes_;
    if (!inside) {
      if (read_window_.size() == 0) read_window_ = runtime::AlignedBuffer(BlockReader::kWindow);
      const uint64_t begin = position / kBlock * kBlock;
      if (begin >= file->size) co_return fail(ErrorKind::corrupt, "a payload lies behind its file's end");
      const uint64_t size = std::min<uint64_t>(read_window_.size(), file->size - begin);
      read_bytes_ = 0;
      auto count = co_await file->handle->read_at(begin, read_window_.bytes().first(size));
      if (!count) {
        // One bad block must not take its readable neighbours along: only what this payload lies in.
        const uint64_t needed = std::min(round_up(position + left.size()), file->size) - begin;
        const uint64_t piece = std::min(needed, size);
        count = co_await file->handle->read_at(begin, read_window_.bytes().first(piece));
      }
      if (!count) co_return fail(count.error());
      if (begin + *count <= position) co_return fail(ErrorKind::corrupt, "a journal file became shorter");
      read_file_ = place.file;
      read_position_ = begin;
      read_bytes_ = *count;
    }
    const uint64_t offset = position - read_position_;
    const size_t size = std::min<uint64_t>(read_bytes_ - offset, left.size());
    std::memcpy(left.data(), read_window_.data() + offset, size);
    left = left.subspan(size);
    position += size;
  }
  if (crc32c(into) != place.checksum) {
    co_return fail(ErrorKind::corrupt, file->handle->path() + " at " + std::to_string(place.position) +
                                           ": the payload fails its checksum");
  }
  co_return Result<void>();
}

}  // namespace godwit::storage::journal
