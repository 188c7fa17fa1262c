// Which cluster a coordination store belongs to, for a broker that belongs to none yet.
#pragma once

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

}  // namespace godwit::cluster
