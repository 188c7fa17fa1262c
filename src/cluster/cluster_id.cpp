#include "cluster/cluster_id.h"

#include "cluster/metadata.h"
#include "cluster/registration.h"

namespace godwit::cluster {

namespace {

// The first step of a registration that goes no further.
runtime::Task<Result<std::string>> claim(MetadataOptions options, coordination::Coordination& store,
                                         runtime::Runtime& runtime, DiagnosticSink& diagnostics) {
  Bell bell;
  const Roster roster(store, bell, diagnostics, options.session_timeout);
  Registration registration(options, store, runtime, bell, roster, diagnostics);
  GW_TRY(co_return, co_await registration.claim_cluster());
  co_return registration.cluster_id();
}

}  // namespace

runtime::Task<Result<Uuid>> find_or_form_cluster(coordination::Coordination& store, runtime::Runtime& runtime,
                                                 DiagnosticSink& diagnostics, FeatureRange features) {
  MetadataOptions options;
  options.self.features = features;
  const auto claimed = co_await claim(std::move(options), store, runtime, diagnostics);
  if (!claimed) co_return fail(claimed.error());
  const auto id = Uuid::parse(*claimed);
  if (!id) co_return fail(ErrorKind::corrupt, "coordination key /cluster holds no cluster id");
  co_return *id;
}

runtime::Task<Result<void>> check_cluster(coordination::Coordination& store, runtime::Runtime& runtime,
                                          DiagnosticSink& diagnostics, std::string id) {
  MetadataOptions options;
  options.cluster_id = std::move(id);
  options.was_member = true;
  co_return (co_await claim(std::move(options), store, runtime, diagnostics)).map([](const auto&) {});
}

}  // namespace godwit::cluster
