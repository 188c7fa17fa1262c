#include "kafka/messages/describe_producers.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DescribeProducersRequest);
GODWIT_CODEC(godwit::kafka::DescribeProducersResponse);
