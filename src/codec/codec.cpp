#include "codec/define.h"

namespace godwit::codec {

Error no_such_version(const Format& format, int16_t version) {
  return {ErrorKind::unsupported, std::string(format.name) + " v" + std::to_string(version) +
                                      ": only versions " + std::to_string(format.versions.first) + " to " +
                                      std::to_string(format.versions.last) + " are known"};
}

Error too_large(const Format& format) {
  return {ErrorKind::invalid, std::string(format.name) + " takes more than a frame can hold (2 GiB)"};
}

Error too_short_for_a_version(const Format& format) {
  return {ErrorKind::corrupt, std::string(format.name) + ": too short for a version"};
}

Error left_over(const Format& format, int16_t version, size_t size) {
  return {ErrorKind::corrupt, std::string(format.name) + " v" + std::to_string(version) + ": " +
                                  std::to_string(size) + " bytes are left over"};
}

}  // namespace godwit::codec
