// Which version of each request a broker and we have in common (KIP-35). Pure.
#pragma once

#include <map>
#include <vector>

#include "base/result.h"
#include "kafka/messages/api_versions.h"

namespace godwit::peer {

class Versions {
 public:
  // What the broker says it takes.
  explicit Versions(const std::vector<kafka::ApiVersionsResponse::Api>& offered);
  Versions() = default;

  // The highest version that both know and that is at most `version_max`. Error: unsupported, saying what each side
  // takes.
  Result<int16_t> highest_common(kafka::ApiKey key, int16_t version_max = codec::kNoVersion) const;

 private:
  std::map<int16_t, codec::VersionRange> offered_;
};

}  // namespace godwit::peer
