#include "codec/define.h"

namespace godwit::codec {

Error no_such_version(const Format& format, int16_t version) {
  return {ErrorKind::unsupported, std::string(format.name) + " v" + std::to_string(version) +
                                      ": only versions " + std::to_string(format.versions.first) + " to " +
                                      std::to_string(format.versions.last) + " are known"};
}

}  // namespace godwit::codec
