#include "kafka/messages/cluster_poll.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ClusterPollRequest);
GODWIT_CODEC(godwit::kafka::ClusterPollResponse);
