// What a segment is called.
#pragma once

#include <string>

#include "base/strong.h"

namespace godwit::storage {

// Never used twice in the life of a data directory (rule 1).
using FileId = Strong<struct FileIdTag, uint64_t>;

std::string segment_name(FileId id);  // "000000000000002a.log"
std::string index_name(FileId id);    // "000000000000002a.index"

}  // namespace godwit::storage
