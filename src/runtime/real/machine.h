// What the machine, or the container's limits, leave to this process.
#pragma once

#include <string>

#include "runtime/runtime.h"

namespace godwit::runtime::real {

// Reads affinity, memory and the limits of the process's control group (v2, else v1). `root` stands before
// /proc and /sys (tests give a made-up tree). Blocks briefly.
Machine read_machine(const std::string& root);

// Names the run of the operating system, another one after each start of the machine; empty where it is not known.
std::string read_boot_id(const std::string& root = "");

// Raises the soft limit of descriptors to the hard one and gives it.
size_t raise_descriptor_limit();

}  // namespace godwit::runtime::real
