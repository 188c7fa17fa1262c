// What codec::print writes, taken apart again, so that it can be compared field by field with what another program says
// of the same bytes.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace godwit::wire {

// "topics[0].name" → "\"journey\"": each value as it was printed, by its place.
using Leaves = std::map<std::string, std::string>;

// Takes "{topics=[{name=\"journey\"}], size=3}", with or without a name in front. What is empty leaves nothing.
Leaves leaves_of(std::string_view printed);

}  // namespace godwit::wire
