#include "peer/versions.h"

#include <algorithm>

namespace godwit::peer {
namespace {

std::string text(codec::VersionRange range) {
  return std::to_string(range.first) + " to " + std::to_string(range.last);
}

}  // namespace

Versions::Versions(const std::vector<kafka::ApiVersionsResponse::Api>& offered) {
  for (const auto& api : offered) offered_[api.api_key] = {api.min_version, api.max_version};
}

Result<int16_t> Versions::highest_common(kafka::ApiKey key, int16_t version_max) const {
  const std::string name(kafka::to_string(key));
  const auto found = offered_.find(static_cast<int16_t>(key));
  if (found == offered_.end()) {
    return fail(ErrorKind::unsupported, "the broker does not take " + name + " requests");
  }
  const codec::VersionRange ours = kafka::accepted_versions(key);
  const codec::VersionRange theirs = found->second;
  const int16_t highest = std::min({ours.last, theirs.last, version_max});
  if (highest < std::max(ours.first, theirs.first)) {
    return fail(ErrorKind::unsupported, name + ": the broker takes the versions " + text(theirs) +
                                            ", and we " +
                                            text({ours.first, std::min(ours.last, version_max)}));
  }
  return highest;
}

}  // namespace godwit::peer
