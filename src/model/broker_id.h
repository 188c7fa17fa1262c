// The number an operator gives a broker; it stays with the broker's data.
#pragma once

#include "base/strong.h"

namespace godwit {

using BrokerId = Strong<struct BrokerIdTag, int32_t>;

constexpr BrokerId kNoBroker{-1};

}  // namespace godwit
