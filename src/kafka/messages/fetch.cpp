#include "kafka/messages/fetch.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::FetchRequest);
GODWIT_CODEC(godwit::kafka::FetchResponse);
