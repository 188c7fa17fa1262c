#include "kafka/messages/sync_group.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::SyncGroupRequest);
GODWIT_CODEC(godwit::kafka::SyncGroupResponse);
