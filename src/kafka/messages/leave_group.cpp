#include "kafka/messages/leave_group.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::LeaveGroupRequest);
GODWIT_CODEC(godwit::kafka::LeaveGroupResponse);
