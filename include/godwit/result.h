// What a call of the client gives: a value, or an error. Self-contained: needs the standard library alone (C++20).
//
//   auto written = client.write("orders", {.value = "42"});
//   if (!written) return complain(written.error().message);
//   use(written->offset);
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace godwit::client {

// Chosen by what the caller should do.
enum class ErrorKind {
  invalid,      // the call or an option is wrong; the same call will fail again
  not_found,    // no such topic, partition or group
  exists,       // what should be created is there already
  too_large,    // the message exceeds what client or broker allow
  denied,       // not allowed to this client
  unavailable,  // no broker answers, or none may answer now; the client tried for as long as it was allowed to
  timed_out,    // no answer in time; whether it happened is unknown
  full,         // too many messages wait to be sent: flush, or write more slowly
  closed,       // the client, reader or subscription was closed
  fatal,        // the client can no longer promise what it promised (idempotence): make a new one
  other,        // see the message and Error::code
};

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::other;
  // For a person: what failed, and where it helps, what to do.
  std::string message;
  // The Kafka protocol's error code where a broker said no (above 0), or librdkafka's own (below 0).
  int code = 0;
};

// Asking for the value of a failure, or the error of a success, ends the program (std::bad_variant_access).
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return content_.index() == 0; }
  T& value() & { return std::get<0>(content_); }
  const T& value() const& { return std::get<0>(content_); }
  T&& value() && { return std::get<0>(std::move(content_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(content_); }

 private:
  std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  const Error& error() const { return error_.value(); }

 private:
  std::optional<Error> error_;
};

}  // namespace godwit::client
