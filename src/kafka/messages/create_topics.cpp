#include "kafka/messages/create_topics.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::CreateTopicsRequest);
GODWIT_CODEC(godwit::kafka::CreateTopicsResponse);
