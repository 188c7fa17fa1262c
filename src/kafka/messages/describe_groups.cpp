#include "kafka/messages/describe_groups.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DescribeGroupsRequest);
GODWIT_CODEC(godwit::kafka::DescribeGroupsResponse);
