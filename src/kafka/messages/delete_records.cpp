#include "kafka/messages/delete_records.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::DeleteRecordsRequest);
GODWIT_CODEC(godwit::kafka::DeleteRecordsResponse);
