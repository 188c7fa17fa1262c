// The start of a consumer's subscription, common to all its versions: a 16-bit version, then an array of
// topic names.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace godwit::groups {

// Whether `topic` is among the subscribed ones; empty where `metadata` is not a subscription.
std::optional<bool> subscribes_to(BytesView metadata, std::string_view topic);

}  // namespace godwit::groups
