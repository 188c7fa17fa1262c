#include "runtime/real/os_error.h"

#include <cerrno>
#include <cstring>
#include <string>

namespace godwit::runtime::real {
namespace {

Error make(ErrorKind kind, int number, std::string_view doing, std::string_view what) {
  std::string text(doing);
  // strerror's buffer is not for several threads.
  const char* const reason = ::strerrordesc_np(number);
  text.append(" ").append(what).append(": ").append(reason != nullptr ? reason : "an unknown error");
  return {kind, std::move(text)};
}

}  // namespace

Error file_error(int number, std::string_view doing, std::string_view what) {
  const auto kind = [number] {
    switch (number) {
      case ENOENT:
      case ENOTDIR:
        return ErrorKind::not_found;
      case EEXIST:
      case ENOTEMPTY:
        return ErrorKind::exists;
      case EACCES:
      case EPERM:
      case EROFS:
      case ETXTBSY:
        return ErrorKind::permission;
      case ENOSPC:
      case EDQUOT:
        return ErrorKind::no_space;
      case EMFILE:
      case ENFILE:
      case ENOMEM:
      case EFBIG:
      case EMLINK:
        return ErrorKind::limit;
      case EINVAL:
      case EISDIR:
      case ENAMETOOLONG:
      case ELOOP:
      case EXDEV:
      case EBADF:
        return ErrorKind::invalid;
      case EBUSY:
        return ErrorKind::conflict;
      case EOPNOTSUPP:
      case ENOSYS:
        return ErrorKind::unsupported;
      default:  // EIO, ENXIO, ESTALE, …: the device or its driver failed
        return ErrorKind::io;
    }
  }();
  return make(kind, number, doing, what);
}

Error socket_error(int number, std::string_view doing, std::string_view what) {
  const auto kind = [number] {
    switch (number) {
      case ECONNREFUSED:
        return ErrorKind::refused;
      case ETIMEDOUT:
        return ErrorKind::timed_out;
      case EADDRINUSE:
        return ErrorKind::conflict;
      case ECONNRESET:
      case ECONNABORTED:
      case EPIPE:
      case ENOTCONN:
      case ESHUTDOWN:
        return ErrorKind::closed;
      case EACCES:
      case EPERM:
        return ErrorKind::permission;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return ErrorKind::limit;
      case EADDRNOTAVAIL:
      case EINVAL:
      case EAFNOSUPPORT:
        return ErrorKind::invalid;
      case EHOSTUNREACH:
      case ENETUNREACH:
      case ENETDOWN:
      case EHOSTDOWN:
        return ErrorKind::unavailable;
      default:
        return ErrorKind::io;
    }
  }();
  return make(kind, number, doing, what);
}

}  // namespace godwit::runtime::real
