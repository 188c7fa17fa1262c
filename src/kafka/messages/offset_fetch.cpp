#include "kafka/messages/offset_fetch.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::OffsetFetchRequest);
GODWIT_CODEC(godwit::kafka::OffsetFetchResponse);
