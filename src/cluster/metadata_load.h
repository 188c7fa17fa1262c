// Reads the metadata image out of a coordination store, when the office of controller is taken.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/image.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

struct LoadedImage {
  Image image;
  // Partition keys that no topic names: a creation or deletion was cut short. To be removed before topics are changed.
  std::vector<std::string> orphans;
  // What is left aside since it makes no sense; each names its key. Nothing of it is touched, so that it is there again once
  // somebody has mended or removed the key.
  std::vector<Error> damages;
  // Topics that are left aside, with their names; empty: nothing tells it.
  std::map<TopicId, std::string> aside;
  // Claimed by topics that are left aside: no other topic may have them.
  std::set<std::string> reserved_names;
};

// The image as the store tells it: topics, partitions, dynamic settings and the cluster id, without brokers. Changes nothing. A
// topic whose key, or one of whose partitions' keys, does not decode or is missing is left aside as a whole. Errors: corrupt (of
// what nothing goes without: the cluster id, the feature level; the key is named), unavailable, timed_out.
runtime::Task<Result<LoadedImage>> load_image(coordination::Coordination& store);

}  // namespace godwit::cluster
