#include "kafka/messages/delete_topics.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DeleteTopicsRequest);
GODWIT_CODEC(godwit::kafka::DeleteTopicsResponse);
