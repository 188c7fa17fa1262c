#include "cluster/cluster_id.h"

#include "cluster/metadata.h"
#include "cluster/registration.h"

namespace godwit::cluster {

runtime::Task<Result<Uuid>> find_or_form_cluster(coordination::Coordination& store, runtime::Runtime& runtime,
                                                 DiagnosticSink& diagnostics, FeatureRange features) {
  Bell bell;
  MetadataOptions options;
  options.self.features = features;
  const Roster roster(store, bell, diagnostics, options.session_timeout);
  Registration registration(options, store, runtime, bell, roster, diagnostics);
  GW_TRY(co_return, co_await registration.claim_cluster());
  const auto id = Uuid::parse(registration.cluster_id());
  if (!id) co_return fail(ErrorKind::corrupt, "coordination key /cluster holds no cluster id");
  co_return *id;
}

}  // namespace godwit::cluster
