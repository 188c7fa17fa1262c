// Loads and writes the index file of a segment. Neither is ever needed: an index can be built by a scan.
#pragma once

#include <string>

#include "runtime/file.h"
#include "storage/segment_index.h"

namespace godwit::storage {

// Errors: not_found, corrupt (damaged, or not of this file as it is), unsupported (of a newer version: not to
// be overwritten), and those of reading.
runtime::Task<Result<SegmentIndex>> load_index(runtime::FileSystem& files, std::string path,
                                               SegmentInfo info);
// Replaces the file; not synced. Errors as writing a file.
runtime::Task<Result<void>> save_index(runtime::FileSystem& files, std::string path, SegmentInfo info,
                                       std::shared_ptr<const SegmentIndex> index);

}  // namespace godwit::storage
