// What a member prints goes to a file that it appends to for as long as it runs, which may be years.
//
//   co_await bound_output(files, folder + "/output", 16 << 20);   // every now and then
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/file.h"

namespace godwit::coordination::etcd {

// Where the file `path` is larger than `bytes_max`, its last `bytes_max` bytes become the file `path`.1 (in the place of an
// earlier one) and it is emptied under the program that goes on appending (O_APPEND). What is printed in between is lost.
// Where they cannot be kept, the file is emptied all the same: a member that fills its own disk ends. Errors: those of the
// file system; of keeping, once it is emptied.
runtime::Task<Result<void>> bound_output(runtime::FileSystem& files, std::string path, uint64_t bytes_max);

}  // namespace godwit::coordination::etcd
