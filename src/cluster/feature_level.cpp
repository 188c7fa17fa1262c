#include "cluster/feature_level.h"

#include "cluster/stored_broker.h"
#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::cluster::StoredFeatures);

namespace godwit::cluster {

runtime::Task<Result<FeatureLevel>> read_feature_level(coordination::Coordination& store) {
  const auto found = co_await store.get(std::string(keys::kFeatures));
  if (!found) co_return fail(found.error());
  // Of a build that knew one level only.
  if (!*found) co_return FeatureLevel{};
  const auto stored = stored_value<StoredFeatures>(**found);
  if (!stored) co_return fail(stored.error());
  if (stored->level < kFirstLevel) {
    co_return fail(ErrorKind::corrupt, "coordination key " + (*found)->key + " holds no possible level");
  }
  co_return FeatureLevel{stored->level, (*found)->version};
}

std::string level_fault(FeatureRange build, int16_t level) {
  if (build.contains(level)) return {};
  const std::string works = build.first == build.last ? "level " + std::to_string(build.first)
                                                      : "the levels " + std::to_string(build.first) + " to " +
                                                            std::to_string(build.last);
  const std::string text =
      "the cluster works at feature level " + std::to_string(level) + ", and this build at " + works;
  return level > build.last
             ? text + ": it is too old. The level of a cluster never goes down; start a newer build"
             : text +
                   ": it is too new. Start a build in between on every broker, order 'godwit cluster "
                   "upgrade', "
                   "then start this one";
}

}  // namespace godwit::cluster
