#include "kafka/messages/alter_partition_reassignments.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::AlterPartitionReassignmentsRequest);
GODWIT_CODEC(godwit::kafka::AlterPartitionReassignmentsResponse);
