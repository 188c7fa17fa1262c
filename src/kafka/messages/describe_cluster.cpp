#include "kafka/messages/describe_cluster.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DescribeClusterRequest);
GODWIT_CODEC(godwit::kafka::DescribeClusterResponse);
