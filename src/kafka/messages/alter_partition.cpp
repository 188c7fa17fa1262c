#include "kafka/messages/alter_partition.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::AlterPartitionRequest);
GODWIT_CODEC(godwit::kafka::AlterPartitionResponse);
