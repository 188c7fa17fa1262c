#include "storage/journal/promises_testing.h"

#include <algorithm>

namespace godwit::storage::journal_test {

Task<Result<Sequence>> write_noted(Journal& journal, Promises& promises, size_t entries, size_t size) {
  std::vector<JournalEntry> all;
  std::vector<std::shared_ptr<Bytes>> owners;
  std::vector<std::string> ids;
  // "id7/0/2": entry 0 of the 2 of call 7.
  const std::string call = promises.new_id();
  for (size_t i = 0; i < entries; ++i) {
    ids.push_back(call + "/" + std::to_string(i) + "/" + std::to_string(entries));
    Prepared one = prepare(ids.back(), size);
    all.push_back(std::move(one.entries.front()));
    owners.push_back(one.payload);
    promises.asked[ids.back()] = size;
  }
  auto sequence = co_await journal.write(std::move(all));
  if (sequence) {
    // Another caller may have released it before the answer came here.
    if (*sequence > promises.released) {
      for (const auto& id : ids) promises.acknowledged[id] = *sequence;
    }
    promises.handed_out = std::max(promises.handed_out, *sequence);
  }
  co_return sequence;
}

Task<void> release_noted(Journal& journal, Promises& promises, Sequence through) {
  promises.released = std::max(promises.released, through);
  std::erase_if(promises.acknowledged, [&](const auto& one) { return one.second <= promises.released; });
  EXPECT_TRUE(co_await journal.release(through));
}

JournalOptions with_released(JournalOptions options, const Promises& promises) {
  options.released = promises.released;
  return options;
}

Task<void> expect_kept(OpenJournal& open, Promises& promises, bool may_lose_tail) {
  for (const auto& damage : open.damages) ADD_FAILURE() << damage.what << " in " << damage.file;
  const std::vector<std::string> ids = co_await read_ids(open);
  std::map<std::string, Sequence> found;
  std::map<std::string, size_t> entries_of_call;
  Sequence before = promises.released;
  for (size_t i = 0; i < ids.size(); ++i) {
    const RecoveredEntry& entry = open.entries[i];
    EXPECT_GE(entry.sequence, before) << ids[i];
    EXPECT_GT(entry.sequence, promises.released) << ids[i];
    before = entry.sequence;
    EXPECT_TRUE(promises.asked.contains(ids[i])) << ids[i] << " was never written";
    EXPECT_EQ(promises.asked[ids[i]], entry.payload.size) << ids[i];
    EXPECT_TRUE(found.emplace(ids[i], entry.sequence).second) << ids[i] << " is there twice";
    ++entries_of_call[ids[i].substr(0, ids[i].find('/'))];
    const auto promised = promises.acknowledged.find(ids[i]);
    if (promised != promises.acknowledged.end()) EXPECT_EQ(promised->second, entry.sequence) << ids[i];
  }
  for (const auto& id : ids) {
    const std::string all = id.substr(id.rfind('/') + 1);
    EXPECT_EQ(std::to_string(entries_of_call[id.substr(0, id.find('/'))]), all)
        << id << "'s call is not whole";
  }
  Sequence first_lost;
  for (const auto& [id, sequence] : promises.acknowledged) {
    if (found.contains(id)) continue;
    EXPECT_TRUE(may_lose_tail) << id << " was acknowledged in round " << to_string(sequence);
    if (first_lost.value() == 0 || sequence < first_lost) first_lost = sequence;
  }
  if (first_lost.value() > 0) EXPECT_LT(open.last, first_lost) << "only a tail may be lost";
  EXPECT_GE(open.last, before);
  promises.acknowledged = std::move(found);
}

}  // namespace godwit::storage::journal_test
