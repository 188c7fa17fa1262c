// Reads the metadata image out of a coordination store, when the office of controller is taken.
#pragma once

#include <string>
#include <vector>

#include "cluster/image.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

struct LoadedImage {
  Image image;
  // Partition keys that no topic names: a creation or deletion was cut short. To be removed before topics are changed.
  std::vector<std::string> orphans;
  // Keys whose names are none of ours, which say nothing of any topic: told, and left alone.
  std::vector<Error> strangers;
};

// The image as the store tells it: topics, partitions, dynamic settings and the cluster id, without brokers. Changes nothing.
// Errors: corrupt (a value does not decode or a partition is missing: the key is named), unavailable, timed_out.
runtime::Task<Result<LoadedImage>> load_image(coordination::Coordination& store);

}  // namespace godwit::cluster
