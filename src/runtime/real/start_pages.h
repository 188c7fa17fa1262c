// What a process needed only to start, given back.
#pragma once

#include <cstddef>

namespace godwit::runtime::real {

// Unmaps the pages of code and constants of this program and its libraries; the kernel keeps them cached, and each comes
// back when it is touched again. Initializers of libraries that are linked and then not used (gRPC without etcd) touch
// megabytes of them. Gives the bytes of the ranges. Any thread, at any time; takes microseconds.
size_t release_start_pages();

}  // namespace godwit::runtime::real
