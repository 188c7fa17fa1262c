#include "storage/journal/journal_testing.h"

namespace godwit::storage::journal_test {

Task<Result<std::shared_ptr<OpenJournal>>> open_journal(Runtime& runtime, JournalOptions options) {
  (void)co_await runtime.files().make_directory(options.directory);
  (void)co_await runtime.files().sync_directory("/");
  runtime::Shard& shard = runtime.add_shard({"journal", true});
  auto open = std::make_shared<OpenJournal>();
  open->shard = &shard;
  auto opened = co_await shard.call([&, options] {
    return Journal::open(options, runtime.files(), shard, runtime.shard(0), open->diagnostics);
  });
  if (!opened) co_return fail(opened.error());
  open->journal = std::move(opened->journal);
  open->entries = std::move(opened->entries);
  open->damages = std::move(opened->damages);
  open->last = opened->last;
  open->released_mark = opened->released_mark;
  co_return open;
}

Bytes payload_of(const std::string& id, size_t size) {
  Bytes bytes(size);
  uint64_t state = runtime::sim::hash_text(id);
  for (auto& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

Prepared prepare(std::string id, size_t size) {
  Prepared out;
  out.payload = std::make_shared<Bytes>(payload_of(id, size));
  JournalEntry entry;
  entry.kind = 7;
  entry.meta = to_bytes(id);
  // In two parts, as a tail's blocks are.
  const BytesView all(*out.payload);
  entry.payload = {all.first(size / 3), all.subspan(size / 3)};
  out.entries.push_back(std::move(entry));
  return out;
}

Task<Result<Sequence>> write_one(Journal& journal, std::string id, size_t size) {
  Prepared prepared = prepare(std::move(id), size);
  auto payload = prepared.payload;
  co_return co_await journal.write(std::move(prepared.entries));
}

Task<std::vector<std::string>> read_ids(OpenJournal& open) {
  std::vector<std::string> ids;
  for (const RecoveredEntry& entry : open.entries) {
    const std::string id(as_text(entry.meta));
    Bytes payload(entry.payload.size);
    const auto read = co_await open.journal->read_payload(entry.payload, payload);
    EXPECT_TRUE(read.has_value()) << id << ": " << (read ? "" : read.error().describe());
    EXPECT_TRUE(equal(payload, payload_of(id, payload.size()))) << id;
    EXPECT_EQ(entry.kind, 7);
    ids.push_back(id);
  }
  co_return ids;
}

}  // namespace godwit::storage::journal_test
