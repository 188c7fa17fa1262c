#include "kafka/messages/elect_leaders.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ElectLeadersRequest);
GODWIT_CODEC(godwit::kafka::ElectLeadersResponse);
