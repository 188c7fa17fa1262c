// The image as module placement sees it. Pure.
#pragma once

#include <vector>

#include "cluster/image.h"
#include "placement/placement.h"

namespace godwit::cluster {

// Where the partition is when its move is over.
std::vector<BrokerId> settled(const PartitionState& state);
// All partitions, where they are when their moves are over.
std::vector<placement::Assignment> assignments_of(const Image& image);
placement::Load load_of(const Image& image);

}  // namespace godwit::cluster
