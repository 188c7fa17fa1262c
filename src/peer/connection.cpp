#include "peer/connection.h"

#include <deque>

#include "base/endian.h"
#include "runtime/buffered_reader.h"
#include "runtime/sync.h"

namespace godwit::peer {

using runtime::Task;

namespace {

constexpr std::string_view kSoftwareName = "godwit";
constexpr std::string_view kSoftwareVersion = "1";
// So much is read ahead: an answer with a few small records comes in one piece.
constexpr size_t kReadAheadBytes = 4096;

// A call under way, in the order in which they were sent.
struct Call {
  int32_t correlation_id;
  kafka::ApiKey key;
  int16_t version;
  std::optional<Result<codec::Input>> answer{};
  runtime::Condition answered{};

  void finish(Result<codec::Input> with) {
    if (answer) return;
    answer.emplace(std::move(with));
    answered.notify_all();
  }
};

}  // namespace

// Shared with the two coroutines that read and write, which may outlive the connection by a moment.
class Connection::State {
 public:
  State(std::unique_ptr<runtime::Stream> taken, runtime::Endpoint to, ConnectionOptions chosen)
      : stream(std::move(taken)), endpoint(std::move(to)), options(std::move(chosen)) {}

  // What failed first stays the reason. The oldest call gets `oldest`, the others, whose fate is unknown too, closed.
  void shut(Error oldest) {
    if (closed) return;
    closed = true;
    reason = oldest.message;
    stream->close();
    auto ended = std::exchange(calls, {});
    bool first = true;
    for (auto& call : ended) {
      call->finish(first ? Result<codec::Input>(fail(oldest)) : fail(closed_error()));
      first = false;
    }
    outbox.clear();
    outbox_changed.notify_all();
    gone.notify_all();
  }
  Error closed_error() const {
    return {ErrorKind::closed, "the connection to " + to_string(endpoint) + " is closed: " + reason};
  }
  Error error(ErrorKind kind, const std::string& what) const {
    return {kind, to_string(endpoint) + ": " + what};
  }

  static Task<void> write_requests(std::shared_ptr<State> state) {
    while (!state->closed) {
      if (state->outbox.empty()) {
        co_await state->outbox_changed.wait();
        continue;
      }
      // Everything that waits goes out in one write.
      const Chain sending = std::exchange(state->outbox, {});
      std::vector<BytesView> parts;
      parts.reserve(sending.parts().size());
      for (const auto& part : sending.parts()) parts.push_back(part.view());
      const auto sent = co_await state->stream->write_all(parts);
      if (!sent) state->shut(state->error(sent.error().kind, "while sending: " + sent.error().message));
    }
  }

  static Task<void> read_answers(std::shared_ptr<State> state) {
    runtime::BufferedReader reader(*state->stream, kReadAheadBytes);
    while (!state->closed) {
      std::byte head[kafka::kFrameLengthSize];
      const auto got = co_await reader.read_exactly(head);
      if (!got) {
        state->shut(state->error(got.error().kind, "the broker hung up"));
        co_return;
      }
      const auto length = load_big<int32_t>(head);
      if (length < 0 || static_cast<size_t>(length) > state->options.frame_bytes_max) {
        state->shut(state->error(ErrorKind::corrupt, "an answer of " + std::to_string(length) +
                                                         " bytes, where " +
                                                         std::to_string(state->options.frame_bytes_max) +
                                                         " are allowed: is it a Kafka broker?"));
        co_return;
      }
      const auto size = static_cast<size_t>(length);
      const std::shared_ptr<std::byte[]> memory(new std::byte[size]);
      const auto body = co_await reader.read_exactly(MutableBytes(memory.get(), size));
      if (!body) {
        state->shut(state->error(body.error().kind, "the broker hung up in the middle of an answer"));
        co_return;
      }
      state->take(SharedBytes(memory, BytesView(memory.get(), size)));
    }
  }

  // Hands a frame to the oldest call.
  void take(const SharedBytes& frame) {
    if (closed) return;
    if (calls.empty()) {
      shut(error(ErrorKind::corrupt, "an answer that nobody asked for"));
      return;
    }
    const auto call = calls.front();
    auto answer = kafka::parse_response(frame, call->key, call->version);
    if (!answer) {
      shut(error(ErrorKind::corrupt, answer.error().message));
      return;
    }
    if (answer->correlation_id != call->correlation_id) {
      shut(error(ErrorKind::corrupt, "an answer with the correlation id " +
                                         std::to_string(answer->correlation_id) + " where " +
                                         std::to_string(call->correlation_id) + " was expected"));
      return;
    }
    calls.pop_front();
    call->finish(std::move(answer->body));
  }

  std::unique_ptr<runtime::Stream> stream;
  runtime::Endpoint endpoint;
  ConnectionOptions options;
  Versions versions;
  int32_t correlation_ids = 0;
  std::deque<std::shared_ptr<Call>> calls;
  Chain outbox;
  runtime::Condition outbox_changed;
  runtime::Condition gone;
  bool closed = false;
  std::string reason;
};

Task<Result<std::unique_ptr<Connection>>> Connection::connect(runtime::Network& network, runtime::Endpoint to,
                                                              ConnectionOptions options) {
  runtime::Shard& shard = *runtime::Shard::current();
  const MonotonicTime deadline = shard.now() + options.connect_timeout;
  auto stream = co_await network.connect(to, options.connect_timeout);
  if (!stream) co_return fail(stream.error());
  auto state = std::make_shared<State>(std::move(*stream), std::move(to), std::move(options));
  std::unique_ptr<Connection> connection(new Connection(state));
  shard.spawn(State::read_answers(state));
  shard.spawn(State::write_requests(state));
  auto versions = co_await agree_on_versions(*connection, deadline);
  if (!versions) co_return fail(versions.error());
  state->versions = std::move(*versions);
  co_return std::move(connection);
}

// The only request that is sent before it is known what the broker takes. A broker that does not take our version of it
// answers with version 0 and the error UNSUPPORTED_VERSION (KIP-511); it is then asked in version 0.
Task<Result<Versions>> Connection::agree_on_versions(Connection& connection, MonotonicTime deadline) {
  const auto state = connection.state_;
  kafka::ApiVersionsRequest request;
  request.client_software_name = kSoftwareName;
  request.client_software_version = kSoftwareVersion;
  for (int16_t version : {kafka::ApiVersionsRequest::kFormat.versions.last, int16_t{0}}) {
    const int32_t id = connection.next_correlation_id();
    auto frame = kafka::encode_request(id, state->options.client_id, request, version);
    if (!frame) co_return fail(frame.error());
    auto body = co_await exchange(state, std::move(*frame), id, kafka::ApiKey::api_versions, version,
                                  deadline - runtime::Shard::current()->now());
    if (!body) co_return fail(body.error());
    codec::Input again = *body;
    // The error stands first in every version, and with UNSUPPORTED_VERSION the rest is in version 0.
    auto response = codec::decode<kafka::ApiVersionsResponse>(*body, version);
    const bool refused = response && response->error_code == ErrorCode::unsupported_version;
    if (version > 0 && (!response || refused)) {
      const auto oldest = codec::decode<kafka::ApiVersionsResponse>(again, 0);
      if (oldest && oldest->error_code == ErrorCode::unsupported_version) continue;
    }
    if (!response) co_return fail(distrust(*state, std::move(response).error()));
    if (response->error_code != ErrorCode::none) {
      co_return fail(distrust(
          *state, state->error(ErrorKind::unsupported, "the broker refuses to say which versions it takes: " +
                                                           std::string(to_string(response->error_code)))));
    }
    co_return Versions(response->api_keys);
  }
  co_return fail(
      distrust(*state, state->error(ErrorKind::unsupported, "no version of ApiVersions in common")));
}

Task<Result<codec::Input>> Connection::exchange(std::shared_ptr<State> state, Chain frame,
                                                int32_t correlation_id, kafka::ApiKey key, int16_t version,
                                                std::optional<Duration> timeout) {
  if (state->closed) co_return fail(state->closed_error());
  if (state->calls.size() >= state->options.calls_max) {
    co_return fail(ErrorKind::limit, to_string(state->endpoint) + ": " +
                                         std::to_string(state->options.calls_max) +
                                         " calls are under way already");
  }
  const Duration patience = timeout.value_or(state->options.request_timeout);
  const MonotonicTime deadline = runtime::Shard::current()->now() + patience;
  const auto call = std::make_shared<Call>(correlation_id, key, version);
  state->calls.push_back(call);
  state->outbox.append(std::move(frame));
  state->outbox_changed.notify_one();
  while (!call->answer) {
    if (co_await call->answered.wait_until(deadline) || call->answer) continue;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    call->finish(
        fail(state->error(ErrorKind::timed_out, "no answer to " + std::string(kafka::to_string(key)) +
                                                    " within " + std::to_string(ms) + " ms")));
    state->shut(state->error(ErrorKind::closed, "a call was not answered in time"));
  }
  co_return std::move(*call->answer);
}

Error Connection::distrust(State& state, Error why) {
  state.shut({ErrorKind::closed, why.message});
  return why;
}

Connection::~Connection() {
  close();
}

bool Connection::open() const {
  return !state_->closed;
}

namespace {

template <class State>
Task<bool> wait_for_end(std::shared_ptr<State> state, MonotonicTime deadline) {
  while (!state->closed) {
    if (!co_await state->gone.wait_until(deadline)) break;
  }
  co_return state->closed;
}

}  // namespace

Task<bool> Connection::ended(MonotonicTime deadline) const {
  return wait_for_end(state_, deadline);
}

void Connection::close() {
  state_->shut({ErrorKind::closed, to_string(state_->endpoint) + ": closed by us"});
}

const runtime::Endpoint& Connection::endpoint() const {
  return state_->endpoint;
}
const runtime::Endpoint& Connection::local() const {
  return state_->stream->local();
}
const Versions& Connection::versions() const {
  return state_->versions;
}
size_t Connection::calls_under_way() const {
  return state_->calls.size();
}
int32_t Connection::next_correlation_id() {
  return state_->correlation_ids++;
}
const std::string& Connection::client_id() const {
  return state_->options.client_id;
}

}  // namespace godwit::peer
