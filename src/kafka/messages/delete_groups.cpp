#include "kafka/messages/delete_groups.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DeleteGroupsRequest);
GODWIT_CODEC(godwit::kafka::DeleteGroupsResponse);
