#include "kafka/filler.h"

namespace godwit::kafka {

std::string Filler::text() {
  std::string value(1 + random() % 12, 'a');
  for (char& c : value) c = static_cast<char>('a' + random() % 26);
  return value;
}

Bytes Filler::records() {
  Bytes value(random() % 2 == 0 ? 20 : 400);
  for (auto& b : value) b = static_cast<std::byte>(random());
  return value;
}

Uuid Filler::uuid() {
  Uuid value;
  for (auto& b : value.bytes) b = static_cast<std::byte>(random() | 1);
  return value;
}

bool Filler::take_null() {
  return static_cast<int>(random() % 100) < null_percent_;
}

}  // namespace godwit::kafka
