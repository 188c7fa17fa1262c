// One connection to a broker, on which many calls may be under way.
//
//   auto connection = co_await Connection::connect(runtime.network(), {"b1", 9092}, {});
//   if (!connection) co_return fail(connection.error());
//   Result<MetadataResponse> answer = co_await (*connection)->call(MetadataRequest{});
//
// A broker answers the requests of a connection in their order (Kafka's protocol guide, "Network"), so an answer whose
// correlation id is not that of the oldest call means that one side is lost: the connection is closed. So is it when a
// call is not answered in time, since every later answer stands behind it.
//
// Belongs to the shard on which it was made. The network must outlive it. It may be destroyed at any time: calls under
// way then end with ErrorKind::closed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kafka/frame.h"
#include "peer/versions.h"
#include "runtime/stream.h"

namespace godwit::peer {

struct ConnectionOptions {
  std::string client_id = "godwit";
  // For resolving, connecting and agreeing on versions together.
  Duration connect_timeout = std::chrono::seconds(5);
  // From the call to its answer, where the call does not say otherwise.
  Duration request_timeout = std::chrono::seconds(30);
  // A larger answer closes the connection before any of it is stored. In bytes.
  size_t frame_bytes_max = size_t{100} << 20;
  // Calls under way at once; one more is refused with ErrorKind::limit.
  size_t calls_max = 1000;
};

struct CallOptions {
  std::optional<Duration> timeout;
  // For requests whose newest versions say it in another way than the caller does (topic ids in place of names).
  int16_t version_max = codec::kNoVersion;
};

class Connection {
 public:
  // Connects, and asks which versions the broker takes. Errors: those of Network::connect; timed_out; closed (the peer
  // hung up: perhaps it wants TLS, or is no broker); corrupt (it is no Kafka broker); unsupported.
  static runtime::Task<Result<std::unique_ptr<Connection>>> connect(runtime::Network& network,
                                                                    runtime::Endpoint to,
                                                                    ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends `request` in the highest version that both sides know and waits for the answer. The answer's own error codes
  // are the caller's to read. Errors that leave the connection open and nothing sent: invalid (the request cannot be
  // encoded; Produce with acks 0, which has no answer), unsupported, limit. After all others it is closed, and whether
  // the request happened is unknown: timed_out, closed, corrupt (the answer makes no sense), io.
  template <class Request>
  runtime::Task<Result<typename Request::Response>> call(Request request, CallOptions options = {});

  // False once it is of no more use. A peer that goes away is noticed at once.
  bool open() const;
  // True once it is of no more use, whoever closed it; false when `deadline` comes first. The connection may be destroyed
  // meanwhile.
  runtime::Task<bool> ended(MonotonicTime deadline) const;
  // Calls under way end with ErrorKind::closed.
  void close();

  const runtime::Endpoint& endpoint() const;
  // The address of our side, as the broker sees it where nothing translates addresses.
  const runtime::Endpoint& local() const;
  const Versions& versions() const;
  size_t calls_under_way() const;

 private:
  class State;
  explicit Connection(std::shared_ptr<State> state) : state_(std::move(state)) {}
  static runtime::Task<Result<Versions>> agree_on_versions(Connection& connection, MonotonicTime deadline);
  int32_t next_correlation_id();
  const std::string& client_id() const;
  // Sends a frame and gives the body of the answer.
  static runtime::Task<Result<codec::Input>> exchange(std::shared_ptr<State> state, Chain frame,
                                                      int32_t correlation_id, kafka::ApiKey key,
                                                      int16_t version, std::optional<Duration> timeout);
  // Closes the connection, since `why` shows that the peer does not make sense; gives `why` back.
  static Error distrust(State& state, Error why);

  std::shared_ptr<State> state_;
};

template <class Request>
runtime::Task<Result<typename Request::Response>> Connection::call(Request request, CallOptions options) {
  if constexpr (requires { request.acks; }) {
    if (request.acks == 0)
      co_return fail(ErrorKind::invalid, "a request with acks 0 has no answer to wait for");
  }
  const auto version = versions().highest_common(Request::kApi, options.version_max);
  if (!version) co_return fail(version.error());
  const int32_t id = next_correlation_id();
  auto frame = kafka::encode_request(id, client_id(), request, *version);
  if (!frame) co_return fail(frame.error());
  // The connection may be destroyed while the answer is under way; its state is not.
  const auto state = state_;
  auto body = co_await exchange(state, std::move(*frame), id, Request::kApi, *version, options.timeout);
  if (!body) co_return fail(body.error());
  auto response = codec::decode<typename Request::Response>(*body, *version);
  if (response && body->remaining() > 0) {
    response = fail(ErrorKind::corrupt, std::string(kafka::to_string(Request::kApi)) + " answer v" +
                                            std::to_string(*version) + " with " +
                                            std::to_string(body->remaining()) + " bytes too many");
  }
  if (!response) co_return fail(distrust(*state, std::move(response).error()));
  co_return std::move(*response);
}

}  // namespace godwit::peer
