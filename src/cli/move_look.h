// What moves in the cluster at this moment, and how far it is: asked of the brokers.
#pragma once

#include "cli/move_estimate.h"
#include "cli/session.h"
#include "kafka/messages/cluster_command.h"

namespace godwit::cli {

// `status`: the controller's, which lists what is planned and has not begun. Errors: those of peer::Cluster::call.
runtime::Task<Result<MoveTally>> look_at_moves(Session& session, kafka::ClusterCommandResponse status);

}  // namespace godwit::cli
