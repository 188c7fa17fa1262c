// A lock file that names its holder.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/file.h"

namespace godwit::runtime::real {

// Locks `path` (made when missing) until the lock is destroyed or the process ends, however it ends. The
// file holds the process id of the last holder and is left behind. Error conflict when it is held.
Result<std::unique_ptr<FileLock>> lock_file_blocking(const std::string& path);

}  // namespace godwit::runtime::real
