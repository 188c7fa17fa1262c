// Text for people.
#pragma once

#include <string>
#include <string_view>

namespace godwit {

// Ends a text of which something is missing.
inline constexpr std::string_view kCutMark = "…";

// The whole text where it has at most `bytes_max` bytes, otherwise no more than these and the mark. No character of UTF-8 is
// torn.
std::string cut_off(std::string_view text, size_t bytes_max);

}  // namespace godwit
