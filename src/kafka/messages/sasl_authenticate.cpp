#include "kafka/messages/sasl_authenticate.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::SaslAuthenticateRequest);
GODWIT_CODEC(godwit::kafka::SaslAuthenticateResponse);
