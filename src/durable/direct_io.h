// Whole files through one aligned buffer, past the page cache.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "runtime/file.h"

namespace godwit::durable {

constexpr uint64_t kBlock = 4096;

constexpr uint64_t round_up(uint64_t bytes) {
  return (bytes + kBlock - 1) / kBlock * kBlock;
}

// Opens with direct I/O where that works in blocks of 4 KiB, else buffered.
runtime::Task<Result<std::unique_ptr<runtime::File>>> open_direct(runtime::FileSystem& files,
                                                                  std::string path, bool write,
                                                                  runtime::OpenOptions::Create create);

// Writes the parts one behind the other from `position` (a multiple of 4 KiB), padded with zeros to whole
// blocks.
runtime::Task<Result<void>> write_blocks(runtime::File& file, uint64_t position,
                                         std::span<const BytesView> parts);

// Reads [position, position + into.size()), position a multiple of 4 KiB. Gives how much was there.
runtime::Task<Result<uint64_t>> read_blocks(runtime::File& file, uint64_t position, MutableBytes into);

}  // namespace godwit::durable
