#include "kafka/messages/list_offsets.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ListOffsetsRequest);
GODWIT_CODEC(godwit::kafka::ListOffsetsResponse);
