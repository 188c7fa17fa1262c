#include "kafka/messages/init_producer_id.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::InitProducerIdRequest);
GODWIT_CODEC(godwit::kafka::InitProducerIdResponse);
