#include "kafka/messages/list_transactions.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::ListTransactionsRequest);
GODWIT_CODEC(godwit::kafka::ListTransactionsResponse);
