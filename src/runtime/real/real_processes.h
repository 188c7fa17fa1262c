// Processes of the operating system (Linux 5.3 or newer: they are held by descriptors, which a number that is used again
// cannot deceive).
#pragma once

#include <memory>
#include <string>

#include "runtime/process.h"

namespace godwit::runtime {

std::unique_ptr<Processes> make_real_processes();

// This very process, for another that is to adopt it.
ProcessIdentity own_identity();
// The file that this process runs, for starting another of the same. Empty where the kernel does not tell.
std::string own_program();
// The path from the root, as this process stands now; the path itself where that cannot be told.
std::string absolute_path(const std::string& path);

}  // namespace godwit::runtime
