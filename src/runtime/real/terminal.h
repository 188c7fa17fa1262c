// Whether somebody is watching.
#pragma once

namespace godwit::runtime {

enum class StandardStream { input = 0, output = 1, error = 2 };

// Whether the process's stream is a terminal, not a file or a pipe. Any thread.
bool is_terminal(StandardStream stream);

}  // namespace godwit::runtime
