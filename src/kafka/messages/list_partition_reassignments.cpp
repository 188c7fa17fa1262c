#include "kafka/messages/list_partition_reassignments.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ListPartitionReassignmentsRequest);
GODWIT_CODEC(godwit::kafka::ListPartitionReassignmentsResponse);
