#include "storage/file_ids.h"

#include "storage/journal_record.h"

namespace godwit::storage {

runtime::Task<Result<FileId>> FileIdLots::reserve(uint64_t count) {
  const FileId first = below_;
  // Raised before the write: two reservations may be under way at once.
  below_ = FileId(first.value() + count);
  JournalEntry entry;
  entry.kind = static_cast<uint8_t>(EntryKind::file_ids);
  entry.meta = encode_record(FileIdsRecord{below_});
  std::vector<JournalEntry> entries;
  entries.push_back(std::move(entry));
  GW_TRY(co_return, co_await journal_.write(std::move(entries)));
  co_return first;
}

runtime::Task<Result<FileId>> FileIds::next() {
  const auto lock = co_await refill_.lock();
  if (next_ == below_) {
    auto first = co_await lots_shard_.call([this] { return lots_.reserve(kLot); });
    if (!first) co_return fail(std::move(first).error());
    next_ = first->value();
    below_ = next_ + kLot;
  }
  co_return FileId(next_++);
}

}  // namespace godwit::storage
