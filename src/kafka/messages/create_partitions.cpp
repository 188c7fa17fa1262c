#include "kafka/messages/create_partitions.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::CreatePartitionsRequest);
GODWIT_CODEC(godwit::kafka::CreatePartitionsResponse);
