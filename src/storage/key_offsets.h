// The newest offset of each key in a stretch of a log: what compaction keeps. Pure; bounded in memory.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.h"
#include "model/offset.h"

namespace godwit::storage {

class KeyOffsets {
 public:
  explicit KeyOffsets(size_t bytes_max) : bytes_max_(bytes_max) {}

  // False, and nothing changed, when there is no room for another key. Offsets come in order.
  bool note(BytesView key, Offset offset);
  // Whether the record is the newest of its key, as far as is known: behind the stretch everything is.
  bool is_newest(BytesView key, Offset offset) const;
  size_t keys() const { return offsets_.size(); }

 private:
  // Keys stand whole: two that shared a hash would cost a record.
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
  };
  size_t bytes_max_;
  size_t bytes_ = 0;
  std::unordered_map<std::string, Offset, Hash, std::equal_to<>> offsets_;
};

}  // namespace godwit::storage
