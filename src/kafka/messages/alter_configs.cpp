#include "kafka/messages/alter_configs.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::AlterConfigsRequest);
GODWIT_CODEC(godwit::kafka::AlterConfigsResponse);
