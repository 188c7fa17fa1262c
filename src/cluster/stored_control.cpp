#include "cluster/stored_control.h"

#include <fmt/format.h>

#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::cluster::StoredJoined);
GODWIT_STORED_CODEC(godwit::cluster::StoredTombstone);
GODWIT_STORED_CODEC(godwit::cluster::StoredEvents);

namespace godwit::cluster::keys {

std::string joined(BrokerId id) {
  return std::string(kJoined) + to_string(id);
}
std::string events(int64_t first) {
  return fmt::format("{}{:020}", kEvents, first);
}

}  // namespace godwit::cluster::keys
