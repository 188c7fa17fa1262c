#include "kafka/messages/create_acls.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::CreateAclsRequest);
GODWIT_CODEC(godwit::kafka::CreateAclsResponse);
