// The image as the controller sends it to brokers: everything, or what changed between two. Pure.
#pragma once

#include "base/result.h"
#include "cluster/image.h"
#include "kafka/messages/cluster_poll.h"

namespace godwit::cluster {

// Everything that `image` says.
kafka::ClusterPollResponse full(const Image& image);
// What turns `before` into `after`. Topics that are one object in both are taken as equal; within the others only partitions
// that differ are named.
kafka::ClusterPollResponse difference(const Image& before, const Image& after);

// The image that `news` makes of `image` (which is ignored where the news are full). Topics of which nothing is said stay the
// same objects. Errors: corrupt (a partition of a topic that nobody named, a count that does not fit).
Result<Image> apply(const Image& image, const kafka::ClusterPollResponse& news);

}  // namespace godwit::cluster
