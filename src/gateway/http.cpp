#include "gateway/http.h"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/check.h"

namespace godwit::gateway {
namespace {

namespace http = boost::beast::http;

Response refusal(const boost::beast::error_code& error) {
  if (error == http::error::header_limit)
    return {.status = 431, .body = "the request's headers are too large\n"};
  if (error == http::error::body_limit) return {.status = 413, .body = "the request's body is too large\n"};
  return {.status = 400, .body = "this is no HTTP request: " + error.message() + "\n"};
}

}  // namespace

struct RequestParser::Impl {
  http::request_parser<http::string_body> parser;
  Request request;
  Response error;
  bool begun = false;
  bool expectation_looked_at = false;
};

RequestParser::RequestParser(size_t header_bytes_max, size_t body_bytes_max)
    : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(static_cast<uint32_t>(header_bytes_max));
  impl_->parser.body_limit(body_bytes_max);
  impl_->parser.eager(true);
}
RequestParser::~RequestParser() = default;

RequestParser::State RequestParser::feed(BytesView bytes, size_t& consumed) {
  auto& parser = impl_->parser;
  consumed = 0;
  if (bytes.empty()) return State::more;
  impl_->begun = true;
  boost::beast::error_code error;
  consumed = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::need_more) error = {};
  if (error) {
    impl_->error = refusal(error);
    return State::failed;
  }
  if (!parser.is_done()) return State::more;
  const auto& message = parser.get();
  const std::string target(message.target());
  const auto question = target.find('?');
  impl_->request = {.method = std::string(message.method_string()),
                    .path = target.substr(0, question),
                    .query = question == std::string::npos ? "" : target.substr(question + 1),
                    .keep_alive = parser.keep_alive()};
  return State::done;
}

bool RequestParser::begun() const {
  return impl_->begun;
}

bool RequestParser::take_expectation() {
  if (impl_->expectation_looked_at || !impl_->parser.is_header_done()) return false;
  impl_->expectation_looked_at = true;
  return boost::beast::iequals(impl_->parser.get()[http::field::expect], "100-continue");
}

const Request& RequestParser::request() const {
  return impl_->request;
}
const Response& RequestParser::error() const {
  return impl_->error;
}

std::string serialize(const Response& response, bool head, bool keep_alive) {
  http::response<http::string_body> message(http::int_to_status(static_cast<unsigned>(response.status)), 11);
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  if (response.retry_later) message.set(http::field::retry_after, "1");
  message.keep_alive(keep_alive);
  message.body() = response.body;
  message.prepare_payload();
  http::response_serializer<http::string_body> serializer(message);
  serializer.split(head);
  std::string out;
  boost::beast::error_code error;
  while (head ? !serializer.is_header_done() : !serializer.is_done()) {
    serializer.next(error, [&](boost::beast::error_code&, const auto& buffers) {
      const std::string part = boost::beast::buffers_to_string(buffers);
      out += part;
      serializer.consume(part.size());
    });
    GW_CHECK(!error, "an answer that was made here can be written");
  }
  return out;
}

}  // namespace godwit::gateway
