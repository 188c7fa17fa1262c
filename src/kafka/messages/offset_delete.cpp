#include "kafka/messages/offset_delete.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::OffsetDeleteRequest);
GODWIT_CODEC(godwit::kafka::OffsetDeleteResponse);
