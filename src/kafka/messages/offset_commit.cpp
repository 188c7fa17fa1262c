#include "kafka/messages/offset_commit.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::OffsetCommitRequest);
GODWIT_CODEC(godwit::kafka::OffsetCommitResponse);
