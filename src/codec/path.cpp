#include "codec/path.h"

namespace godwit::codec {
namespace {

void prepend(std::string& path, std::string_view part) {
  if (!path.empty() && path.front() != '[') path.insert(0, ".");
  path.insert(0, part);
}

}  // namespace

void prepend_name(std::string& path, std::string_view name) {
  prepend(path, name);
}

void prepend_index(std::string& path, size_t index) {
  prepend(path, "[" + std::to_string(index) + "]");
}

std::string describe_fault(std::string_view struct_name, int16_t version, std::string_view path,
                           std::string_view reason) {
  std::string text(struct_name);
  text += " v" + std::to_string(version);
  if (!path.empty()) {
    text += ' ';
    text += path;
  }
  text += ": ";
  text += reason;
  return text;
}

}  // namespace godwit::codec
