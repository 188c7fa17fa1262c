#include "storage/journal/file_set.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::storage::journal {

void FileSet::add(JournalFile file) {
  files_.push_back(std::move(file));
}

JournalFile* FileSet::find(uint64_t number) {
  for (JournalFile& file : files_) {
    if (file.number == number) return &file;
  }
  return nullptr;
}

const JournalFile* FileSet::free_file(uint64_t bytes) const {
  for (const JournalFile& file : files_) {
    if (is_free(file) && file.size >= bytes) return &file;
  }
  return nullptr;
}

JournalFile* FileSet::place(uint64_t bytes, bool& begins) {
  begins = false;
  if (current_ != nullptr && current_->position + bytes <= current_->size) return current_;
  const JournalFile* const found = free_file(bytes);
  if (found == nullptr) return nullptr;
  current_ = nullptr;
  const auto at = std::find_if(files_.begin(), files_.end(), [&](const auto& f) { return &f == found; });
  files_.splice(files_.end(), files_, at);
  current_ = &*at;
  current_->first = current_->last = Sequence();
  current_->position = 0;
  current_->recovered = false;
  begins = true;
  return current_;
}

void FileSet::wrote(Sequence sequence, uint64_t bytes) {
  GW_CHECK(current_ != nullptr, "a round stands in a file");
  if (current_->first.value() == 0) current_->first = sequence;
  current_->last = sequence;
  current_->position += bytes;
}

std::vector<JournalFile> FileSet::release(Sequence through) {
  released_ = std::max(released_, through);
  std::vector<JournalFile> gone;
  const size_t enough = std::max<size_t>(files_min_, 1);
  const auto is_whole = [this](const JournalFile& file) { return file.size >= file_bytes_ && !file.retire; };
  auto whole = static_cast<size_t>(std::ranges::count_if(files_, is_whole));
  auto whole_and_free = static_cast<size_t>(std::ranges::count_if(
      files_, [&](const JournalFile& file) { return is_whole(file) && is_free(file); }));
  for (auto at = files_.begin(); at != files_.end();) {
    const bool idle = &*at != current_ && !at->needed(released_);
    // Smaller ones first: a journal that was opened full was given a file more, of whatever size. Never the last that is
    // free.
    const bool surplus =
        files_.size() > enough && (at->size < file_bytes_ || (whole > enough && whole_and_free > 1));
    if (!idle || !(at->retire || surplus)) {
      ++at;
      continue;
    }
    if (is_whole(*at)) --whole, --whole_and_free;
    gone.push_back(std::move(*at));
    at = files_.erase(at);
  }
  return gone;
}

size_t FileSet::missing() const {
  const auto usable = std::count_if(files_.begin(), files_.end(), [](const auto& f) { return !f.retire; });
  return files_min_ - std::min(files_min_, static_cast<size_t>(usable));
}

bool FileSet::full(uint64_t bytes) const {
  const bool fits = current_ != nullptr && current_->position + bytes <= current_->size;
  return !fits && free_file(bytes) == nullptr;
}

Journal::Usage FileSet::usage(Sequence last) const {
  Journal::Usage usage;
  usage.last = last;
  usage.oldest = last + 1;
  usage.oldest_file_end = last;
  usage.capacity = missing() * file_bytes_;
  for (const JournalFile& file : files_) {
    usage.capacity += file.size;
    if (!file.retire) usage.usable += file.size;
    if (&file == current_) usage.free += file.size - file.position;
    if (is_free(file)) usage.free += file.size;
    if (!file.needed(released_)) continue;
    usage.used += &file == current_ ? file.position : file.size;
    if (file.first.value() == 0 || file.last <= released_) continue;
    const Sequence first = std::max(file.first, released_ + 1);
    if (first < usage.oldest) {
      usage.oldest = first;
      usage.oldest_file_end = file.last;
    }
  }
  return usage;
}

}  // namespace godwit::storage::journal
