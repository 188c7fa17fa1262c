// Reads payloads of recovered rounds in bulk: sorted by place, neighbours in one read, some reads under way at once.
// What a start needs of the journal is read once in this way, whatever the order in which logs want it.
//
// On an ordinary shard, through handles of its own.
#pragma once

#include <functional>
#include <vector>

#include "runtime/runtime.h"
#include "storage/journal.h"

namespace godwit::storage::journal {

// As Journal::read_payloads. `distrust` is told the number of each file that could not be read.
runtime::Task<void> read_payloads(runtime::FileSystem& files, const JournalOptions& options,
                                  std::vector<PayloadPlace> places, TakePayloads take,
                                  std::function<void(uint64_t file)> distrust);

}  // namespace godwit::storage::journal
