// Names of journal files, and the making of one.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "runtime/file.h"
#include "storage/journal/round.h"

namespace godwit::storage::journal {

// "000000000000002a.journal"
std::string file_name(uint64_t number);
// The number in a journal file's name; empty for every other name.
std::optional<uint64_t> parse_file_name(std::string_view name);
// While it is being made: removed at the next start when that does not come to an end.
std::string making_name(uint64_t number);
bool is_making_name(std::string_view name);

// Makes a file of `size` bytes, written through once with zeros so that later writes find their blocks in
// place, with a blank header; durable, with its name, on return. On failure nothing is left behind but perhaps
// the file under its making name. Yields the disk to others between pieces, unless `urgent` is set.
// Errors as FileSystem::open, File::write_at and sync.
runtime::Task<Result<void>> make_file(runtime::FileSystem& files, std::string directory, uint64_t number,
                                      uint64_t size, bool direct, const std::atomic<bool>& urgent,
                                      const std::atomic<bool>& stop);

// Opens a journal file to read and write. Direct where asked for and possible in blocks of kBlock.
runtime::Task<Result<std::unique_ptr<runtime::File>>> open_file(runtime::FileSystem& files, std::string path,
                                                                bool direct, runtime::OpenOptions::Lane lane,
                                                                runtime::OpenOptions::Create create);

}  // namespace godwit::storage::journal
