#include "kafka/messages/produce.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ProduceRequest);
GODWIT_CODEC(godwit::kafka::ProduceResponse);
