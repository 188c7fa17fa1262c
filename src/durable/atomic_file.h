// Replaces a file as a whole: after a crash there is the old one or the new one.
#pragma once

#include <span>
#include <string>

#include "runtime/file.h"

namespace godwit::durable {

// The folder that holds `path`: "/a" for "/a/b", "." for "b".
std::string folder_of(const std::string& path);

// Makes `path` with these bytes, or replaces it; durable on return. Written beside as `path`.new, which an
// interrupted replacement leaves behind and the next one overwrites. Buffered: for small files.
// Errors as FileSystem's; the old file is still there then, unless it is the last sync that failed: then
// either may be.
runtime::Task<Result<void>> replace_file(runtime::FileSystem& files, std::string path,
                                         std::span<const BytesView> parts);

}  // namespace godwit::durable
