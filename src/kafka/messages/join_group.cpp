#include "kafka/messages/join_group.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::JoinGroupRequest);
GODWIT_CODEC(godwit::kafka::JoinGroupResponse);
