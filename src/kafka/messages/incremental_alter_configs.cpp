#include "kafka/messages/incremental_alter_configs.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::IncrementalAlterConfigsRequest);
GODWIT_CODEC(godwit::kafka::IncrementalAlterConfigsResponse);
