#include "kafka/messages/metadata.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::MetadataRequest);
GODWIT_CODEC(godwit::kafka::MetadataResponse);
