// Direct I/O where the file system has it.
#pragma once

#include <cstddef>

namespace godwit::runtime::real {

// Turns O_DIRECT on and gives the multiple that positions, sizes and memory need, in bytes; 1, and the file
// stays buffered, where the file system refuses it (tmpfs before Linux 6.6, some network and FUSE ones).
// Blocks.
size_t enable_direct_io(int descriptor);

}  // namespace godwit::runtime::real
