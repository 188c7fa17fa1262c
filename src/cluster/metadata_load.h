// Reads the metadata image out of a coordination store, at start.
#pragma once

#include "base/diagnostic.h"
#include "cluster/image.h"
#include "coordination/coordination.h"

namespace godwit::cluster {

// The image as the store tells it: topics, partitions, dynamic settings and the cluster id, without brokers. Partition
// keys that no topic names (a creation or deletion that was cut short) are removed. Errors: corrupt (a key does not decode or a
// partition is missing: it is named), unavailable.
runtime::Task<Result<Image>> load_image(coordination::Coordination& store, DiagnosticSink& diagnostics);

}  // namespace godwit::cluster
