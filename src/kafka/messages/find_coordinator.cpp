#include "kafka/messages/find_coordinator.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::FindCoordinatorRequest);
GODWIT_CODEC(godwit::kafka::FindCoordinatorResponse);
