#include "kafka/filler.h"

namespace godwit::kafka {

std::string Filler::text() {
  std::string value(1 + draw() % 12, 'a');
  for (char& c : value) c = static_cast<char>('a' + draw() % 26);
  return value;
}

Bytes Filler::records() {
  Bytes value(draw() % 2 == 0 ? 20 : 400);
  for (auto& b : value) b = static_cast<std::byte>(draw());
  return value;
}

Uuid Filler::uuid() {
  Uuid value;
  for (auto& b : value.bytes) b = static_cast<std::byte>(draw() | 1);
  return value;
}

bool Filler::take_null() {
  return static_cast<int>(draw() % 100) < null_percent_;
}

}  // namespace godwit::kafka
