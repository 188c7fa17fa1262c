#include "kafka/messages/cluster_command.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ClusterCommandRequest);
GODWIT_CODEC(godwit::kafka::ClusterCommandResponse);
