#include "cluster/cluster_id.h"

#include "cluster/metadata.h"
#include "cluster/registration.h"

namespace godwit::cluster {

runtime::Task<Result<Uuid>> find_or_form_cluster(coordination::Coordination& store, runtime::Runtime& runtime,
                                                 DiagnosticSink& diagnostics) {
  Bell bell;
  Roster roster;
  const MetadataOptions options;
  Registration registration(options, store, runtime, bell, roster, diagnostics);
  GW_TRY(co_return, co_await registration.claim_cluster());
  co_return Uuid::parse(registration.cluster_id());
}

}  // namespace godwit::cluster
