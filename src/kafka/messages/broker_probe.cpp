#include "kafka/messages/broker_probe.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::BrokerProbeRequest);
GODWIT_CODEC(godwit::kafka::BrokerProbeResponse);
