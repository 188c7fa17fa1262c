// Processes of the operating system (Linux 5.3 or newer: they are held by descriptors, which a number that is used again
// cannot deceive).
#pragma once

#include <memory>
#include <string>

#include "runtime/process.h"

namespace godwit::runtime {

std::unique_ptr<Processes> make_real_processes();

// The file that this process runs, for starting another of the same. Empty where the kernel does not tell.
std::string own_program();

}  // namespace godwit::runtime
