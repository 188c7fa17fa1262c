#include "kafka/messages/sasl_handshake.h"

#include "codec/define.h"

GODWIT_CODEC(godwit::kafka::SaslHandshakeRequest);
GODWIT_CODEC(godwit::kafka::SaslHandshakeResponse);
