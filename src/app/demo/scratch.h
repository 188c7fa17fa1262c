// Folders of the demo.
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/runtime.h"
#include "runtime/task.h"

namespace godwit::app::demo {

// Makes the folder with those above it.
runtime::Task<Result<void>> make_folders(runtime::FileSystem& files, std::string path);
// Removes it with all that is in it; what cannot be removed is left.
runtime::Task<void> remove_tree(runtime::FileSystem& files, std::string path);
// A port of 127.0.0.1 that nobody listens on at this moment.
runtime::Task<Result<uint16_t>> free_port(runtime::Network& network);

}  // namespace godwit::app::demo
