#include "storage/segment_name.h"

#include <fmt/format.h>

namespace godwit::storage {

std::string segment_name(FileId id) {
  return fmt::format("{:016x}.log", id.value());
}

std::string index_name(FileId id) {
  return fmt::format("{:016x}.index", id.value());
}

}  // namespace godwit::storage
