// What librdkafka gives a reader, as a record.
#pragma once

#include "godwit/record.h"

struct rd_kafka_message_s;

namespace godwit::client {

Record record_from(const rd_kafka_message_s& message);

}  // namespace godwit::client
