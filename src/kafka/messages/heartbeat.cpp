#include "kafka/messages/heartbeat.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::HeartbeatRequest);
GODWIT_CODEC(godwit::kafka::HeartbeatResponse);
