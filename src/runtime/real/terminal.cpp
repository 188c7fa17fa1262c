#include "runtime/real/terminal.h"

#include <unistd.h>

namespace godwit::runtime {

bool is_terminal(StandardStream stream) {
  return ::isatty(static_cast<int>(stream)) == 1;
}

}  // namespace godwit::runtime
