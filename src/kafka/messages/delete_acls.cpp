#include "kafka/messages/delete_acls.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DeleteAclsRequest);
GODWIT_CODEC(godwit::kafka::DeleteAclsResponse);
