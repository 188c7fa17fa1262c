// errno as the program's errors, chosen by what the caller should do.
#pragma once

#include <string_view>

#include "base/result.h"

namespace godwit::runtime::real {

// For files and directories. `doing` and `what` begin the message: "write /data/journal: No space left…".
Error file_error(int number, std::string_view doing, std::string_view what);

// For sockets. A connection that the peer or the network ended is `closed`.
Error socket_error(int number, std::string_view doing, std::string_view what);

}  // namespace godwit::runtime::real
