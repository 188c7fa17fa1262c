#include "storage/key_offsets.h"

namespace godwit::storage {

bool KeyOffsets::note(BytesView key, Offset offset) {
  const std::string_view text = as_text(key);
  if (const auto found = offsets_.find(text); found != offsets_.end()) {
    found->second = offset;
    return true;
  }
  // What a node of the map takes beside a key that does not fit into its string.
  constexpr size_t kNode = 96;
  const size_t bytes = kNode + key.size();
  if (bytes_ + bytes > bytes_max_ && !offsets_.empty()) return false;
  bytes_ += bytes;
  offsets_.emplace(std::string(text), offset);
  return true;
}

bool KeyOffsets::is_newest(BytesView key, Offset offset) const {
  const auto found = offsets_.find(as_text(key));
  return found == offsets_.end() || offset >= found->second;
}

}  // namespace godwit::storage
