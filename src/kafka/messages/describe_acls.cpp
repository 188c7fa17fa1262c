#include "kafka/messages/describe_acls.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DescribeAclsRequest);
GODWIT_CODEC(godwit::kafka::DescribeAclsResponse);
