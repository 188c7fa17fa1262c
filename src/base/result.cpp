#include "base/result.h"

namespace godwit {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::exists:
      return "exists";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::timed_out:
      return "timed_out";
    case ErrorKind::closed:
      return "closed";
    case ErrorKind::limit:
      return "limit";
    case ErrorKind::no_space:
      return "no_space";
    case ErrorKind::io:
      return "io";
    case ErrorKind::permission:
      return "permission";
    case ErrorKind::unsupported:
      return "unsupported";
  }
  return "unknown";
}

std::string Error::describe() const {
  return message + " (" + std::string(to_string(kind)) + ")";
}

}  // namespace godwit
