// For tests of the disk: small steps with their expectations.
#pragma once

#include <gtest/gtest.h>

#include "runtime/sim/node.h"

namespace godwit::runtime::sim {

// Opens for writing, makes it when missing.
inline Task<std::unique_ptr<File>> open_file(FileSystem& files, std::string path, bool direct = false) {
  auto file =
      co_await files.open(path, {.write = true, .create = OpenOptions::Create::if_missing, .direct = direct});
  EXPECT_TRUE(file) << file.error().describe();
  co_return file ? std::move(*file) : nullptr;
}

inline Task<Result<void>> write_text(File& file, uint64_t position, std::string text) {
  const BytesView part = as_bytes(text);
  co_return co_await file.write_at(position, std::span(&part, 1));
}

inline std::string text_of(Disk& disk, std::string_view path) {
  const auto bytes = disk.contents(path);
  return bytes ? std::string(as_text(*bytes)) : "(" + std::string(to_string(bytes.error().kind)) + ")";
}

}  // namespace godwit::runtime::sim
