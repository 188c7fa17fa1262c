#include "kafka/messages/describe_topic_partitions.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DescribeTopicPartitionsRequest);
GODWIT_CODEC(godwit::kafka::DescribeTopicPartitionsResponse);
