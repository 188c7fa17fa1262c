#include "kafka/messages/describe_configs.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DescribeConfigsRequest);
GODWIT_CODEC(godwit::kafka::DescribeConfigsResponse);
