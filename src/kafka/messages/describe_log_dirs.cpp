#include "kafka/messages/describe_log_dirs.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DescribeLogDirsRequest);
GODWIT_CODEC(godwit::kafka::DescribeLogDirsResponse);
