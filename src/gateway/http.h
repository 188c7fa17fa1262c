// HTTP/1.1 as the gateway needs it: a request that was read, and the bytes of an answer. Parsing is Boost.Beast's, kept
// out of this header for its cost in compile time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace godwit::gateway {

struct Request {
  std::string method;  // "GET"
  std::string path;    // without the query; as it was sent, not decoded
  std::string query;   // behind the question mark; may be empty
  bool keep_alive = true;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string allow{};       // for 405: the methods there are
  bool retry_later = false;  // adds Retry-After: 1
};

// Reads one request from bytes that come in pieces. Holds no more of it than what the limits allow.
class RequestParser {
 public:
  RequestParser(size_t header_bytes_max, size_t body_bytes_max);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class State {
    more,    // feed() wants more bytes
    done,    // request() is there
    failed,  // error() says what to answer; the connection is of no more use
  };
  // Looks at `bytes`, all that came and was not consumed yet; `consumed` is how many of them are used up. Requires a state
  // of more.
  State feed(BytesView bytes, size_t& consumed);
  // Whether a byte of a request has come.
  bool begun() const;
  // True once after the header asked for "100 Continue": the body comes only then.
  bool take_expectation();

  const Request& request() const;
  // 400 for what is no HTTP, 413 and 431 for what is too large.
  const Response& error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The answer as it is sent. `head`: the headers of a body that is not sent.
std::string serialize(const Response& response, bool head, bool keep_alive);

}  // namespace godwit::gateway
