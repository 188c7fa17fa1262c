#include "cluster/cluster_metadata.h"

namespace godwit::cluster {

runtime::Task<Result<std::unique_ptr<Metadata>>> Metadata::start(MetadataOptions options,
                                                                 coordination::Coordination& store,
                                                                 runtime::Runtime& runtime,
                                                                 DiagnosticSink& diagnostics,
                                                                 std::function<void(Metadata&)> early) {
  auto metadata =
      std::make_unique<ClusterMetadata>(std::move(options), store, runtime, diagnostics, &Controller::open);
  GW_TRY(co_return, co_await metadata->begin(std::move(early)));
  co_return std::move(metadata);
}

}  // namespace godwit::cluster
