#include "cli/assignment.h"

#include "base/endian.h"

namespace godwit::cli {
namespace {

// Reads from the front; every read is judged against what remains.
struct Front {
  BytesView rest;
  template <class T>
  bool take(T& value) {
    if (rest.size() < sizeof(T)) return false;
    value = load_big<T>(rest.data());
    rest = rest.subspan(sizeof(T));
    return true;
  }
  bool take_text(std::string& text) {
    int16_t size = 0;
    if (!take(size) || size < 0 || rest.size() < static_cast<size_t>(size)) return false;
    text = as_text(rest.first(static_cast<size_t>(size)));
    rest = rest.subspan(static_cast<size_t>(size));
    return true;
  }
};

}  // namespace

std::optional<PartitionNames> parse_assignment(BytesView bytes) {
  if (bytes.empty()) return PartitionNames{};
  Front front{bytes};
  int16_t version = 0;
  int32_t topics = 0;
  if (!front.take(version) || version < 0 || !front.take(topics) || topics < 0) return std::nullopt;
  PartitionNames all;
  for (int32_t i = 0; i < topics; ++i) {
    std::string topic;
    int32_t partitions = 0;
    if (!front.take_text(topic) || !front.take(partitions) || partitions < 0) return std::nullopt;
    for (int32_t k = 0; k < partitions; ++k) {
      int32_t partition = 0;
      if (!front.take(partition)) return std::nullopt;
      all.insert({topic, partition});
    }
  }
  return all;
}

}  // namespace godwit::cli
