// What an event is, for the trace.
#pragma once

#include <cstdint>

namespace godwit::runtime::sim {

enum class EventKind : uint64_t { turn = 1, timer, test, disk, network, start };

constexpr uint64_t kind_of(EventKind kind) {
  return static_cast<uint64_t>(kind);
}

}  // namespace godwit::runtime::sim
