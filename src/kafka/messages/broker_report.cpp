#include "kafka/messages/broker_report.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::BrokerReportRequest);
GODWIT_CODEC(godwit::kafka::BrokerReportResponse);
