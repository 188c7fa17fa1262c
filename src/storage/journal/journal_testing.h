// What the journal's tests share: a small journal on a simulated node, and a record of what it promised.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "runtime/sim/node.h"
#include "storage/journal.h"

namespace godwit::storage::journal_test {

using runtime::Runtime;
using runtime::Task;

constexpr const char* kDirectory = "/journal";

// Small files, so that a few rounds turn the journal.
inline JournalOptions small_options() {
  JournalOptions options;
  options.directory = kDirectory;
  options.round_bytes_max = 16 << 10;
  options.first_file_bytes = 32 << 10;
  options.file_bytes = 32 << 10;
  // Some rounds have more, some less.
  options.scan_payload_max = 2000;
  return options;
}

// A journal with its shards, opened inside a simulated process.
struct OpenJournal {
  std::unique_ptr<Journal> journal;
  std::vector<RecoveredEntry> entries;
  std::vector<JournalDamage> damages;
  Sequence last;
  Sequence released_mark;
  runtime::Shard* shard = nullptr;
  RecordingSink diagnostics;
};

// Opens it on a shard of its own, from shard 0 of `runtime`.
Task<Result<std::shared_ptr<OpenJournal>>> open_journal(Runtime& runtime, JournalOptions options);

// An entry whose payload the returned owner keeps.
struct Prepared {
  std::vector<JournalEntry> entries;
  std::shared_ptr<Bytes> payload;
};
// One entry: meta is `id`, the payload `size` bytes that follow from it.
Prepared prepare(std::string id, size_t size);
Bytes payload_of(const std::string& id, size_t size);

// prepare() and write().
Task<Result<Sequence>> write_one(Journal& journal, std::string id, size_t size);

// Reads every payload back and compares; gives the ids in order.
Task<std::vector<std::string>> read_ids(OpenJournal& open);

}  // namespace godwit::storage::journal_test
