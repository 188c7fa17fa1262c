#include "kafka/messages/list_groups.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ListGroupsRequest);
GODWIT_CODEC(godwit::kafka::ListGroupsResponse);
