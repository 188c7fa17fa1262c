// Which cluster a coordination store belongs to: for a broker that belongs to none yet, and for one that has yet to touch what
// it holds of its own.
#pragma once

#include <string>

#include "base/diagnostic.h"
#include "base/uuid.h"
#include "cluster/features.h"
#include "coordination/coordination.h"
#include "runtime/runtime.h"

namespace godwit::cluster {

// The id of the store's cluster; a new store gets a new one. Waits, and says so, while the store does not answer. On shard 0.
//
// `features` are this build's: a new cluster works at the last of them. Errors: corrupt, permission, closed: what waiting does not mend.
runtime::Task<Result<Uuid>> find_or_form_cluster(coordination::Coordination& store, runtime::Runtime& runtime,
                                                 DiagnosticSink& diagnostics,
                                                 FeatureRange features = kFeatures);

// That the store is the one of the cluster `id`, to which a data directory belongs: asked before anything is written there. Waits,
// and says so, while the store does not answer. On shard 0. Errors: conflict (it belongs to another cluster, or knows none; the
// message says what to do), corrupt, permission, closed.
runtime::Task<Result<void>> check_cluster(coordination::Coordination& store, runtime::Runtime& runtime,
                                          DiagnosticSink& diagnostics, std::string id);

}  // namespace godwit::cluster
