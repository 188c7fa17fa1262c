// The one result type: a value, or an error chosen by what the caller should do about it.
//
//   Result<Identity> identity = read_identity(path);
//   if (!identity) return fail(identity.error());
//
// Exceptions do not cross a module's door. What a Kafka client is told is model::ErrorCode; this is for the
// environment: files, sockets, text that a person wrote.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace godwit {

enum class ErrorKind {
  invalid,      // the input is wrong; the same call will fail again
  corrupt,      // stored or received bytes contradict their checksum or format
  not_found,    // what was named does not exist
  exists,       // what should be made is there already
  conflict,     // somebody else holds it or changed it; read again, then decide
  unavailable,  // not now; the same call may succeed later
  refused,      // the other side is reachable and said no (connection refused)
  timed_out,    // no answer within the deadline; whether it happened is unknown
  closed,       // the object was closed, by us or by the other side
  limit,        // a bound would be exceeded
  no_space,     // the disk (or quota) is full
  io,           // the device or the operating system failed
  permission,   // not allowed
  unsupported,  // this build, file system or version cannot do it
};

// The kind's name, such as "no_space".
std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind;
  std::string message;  // for a person: what failed, on what, and where it helps, what to do

  // "message (kind)"
  std::string describe() const;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace godwit

// Evaluates an expression of type Result; on failure leaves the enclosing function or coroutine with its
// error. `leave` is return or co_return:  GW_TRY(co_return, file->sync_result);
#define GW_TRY(leave, expression)                               \
  do {                                                          \
    if (auto gw_result = (expression); !gw_result) [[unlikely]] \
      leave ::godwit::fail(std::move(gw_result).error());       \
  } while (false)
