#include "storage/file_removal.h"

#include "storage/partition_log.h"

namespace godwit::storage {

FileRemoval::~FileRemoval() = default;

void FileRemoval::add(std::shared_ptr<PartitionLog> log, FileId file, uint64_t version) {
  const MonotonicTime now = runtime::Shard::current()->now();
  const Duration delay = std::chrono::milliseconds(std::max<int64_t>(0, log->config().file_delete_delay_ms));
  const TopicPartition id = log->id();
  items_.push_back({{id.topic, id.partition, file}, std::move(log), version, now + delay});
  changed_.notify_all();
}

void FileRemoval::add(RemovedFile file) {
  items_.push_back({file, nullptr, 0, runtime::Shard::current()->now()});
  changed_.notify_all();
}

std::vector<RemovedFile> FileRemoval::pending() const {
  std::vector<RemovedFile> files;
  for (const Item& item : items_) files.push_back(item.file);
  return files;
}

runtime::Task<bool> FileRemoval::remove(RemovedFile file) {
  const TopicPartition id{file.topic, file.partition};
  const std::string folder = context_.folder_of(id);
  runtime::FileSystem& fs = context_.runtime.files();
  for (const std::string& name : {segment_name(file.file), index_name(file.file)}) {
    const std::string path = folder + "/" + name;
    files_.forget(path);
    const auto removed = co_await fs.remove(path);
    if (!removed && removed.error().kind != ErrorKind::not_found) {
      context_.diagnostics.emit(
          {Severity::warning,
           "storage.not_removed",
           "a file that is no longer part of a log could not be removed; it is tried again",
           {{"path", path}, {"why", removed.error().describe()}}});
      co_return false;
    }
  }
  // The folders go with the last file in them; both refuse while they hold something.
  (void)co_await fs.remove_directory(folder);
  (void)co_await fs.remove_directory(context_.topic_folder(file.topic));
  co_return true;
}

runtime::Task<void> FileRemoval::run() {
  constexpr Duration kRetry = std::chrono::seconds(30);
  while (!closed_) {
    const MonotonicTime now = runtime::Shard::current()->now();
    std::optional<MonotonicTime> next;
    auto ready = items_.end();
    for (auto item = items_.begin(); item != items_.end(); ++item) {
      if (item->log &&
          (item->log->durable_version() < item->version || item->log->is_writing(item->file.file))) {
        // Soon: it is in a round that is under way, or its last write is.
        next = std::min(next.value_or(now + kRetry), now + std::chrono::milliseconds(100));
      } else if (item->due <= now) {
        ready = item;
        break;
      } else {
        next = std::min(next.value_or(item->due), item->due);
      }
    }
    if (ready == items_.end()) {
      if (next) {
        (void)co_await changed_.wait_until(*next);
      } else {
        co_await changed_.wait();
      }
      continue;
    }
    const bool removed = co_await remove(ready->file);
    if (removed) {
      items_.erase(ready);
    } else {
      ready->due = now + kRetry;
    }
  }
}

void FileRemoval::close() {
  closed_ = true;
  changed_.notify_all();
}

}  // namespace godwit::storage
