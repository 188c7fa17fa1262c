#include "kafka/messages/offset_for_leader_epoch.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::OffsetForLeaderEpochRequest);
GODWIT_CODEC(godwit::kafka::OffsetForLeaderEpochResponse);
