// What a consumer group has committed.
#pragma once

#include <string>

#include "cli/offsets.h"

namespace godwit::cli {

// Of all partitions, or of those named. Errors: those of peer::Cluster::call; refused, with the broker's verdict.
runtime::Task<Result<Offsets>> committed_offsets(Session& session, std::string group);

// Commits for a group without members. Errors: conflict while it has members; those of above.
runtime::Task<Result<void>> commit_offsets(Session& session, std::string group, Offsets offsets);

}  // namespace godwit::cli
