#include "kafka/messages/forward.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ForwardRequest);
GODWIT_CODEC(godwit::kafka::ForwardResponse);
