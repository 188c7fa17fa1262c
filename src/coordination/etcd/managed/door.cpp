#include "coordination/etcd/managed/door.h"

#include <array>

namespace godwit::coordination::etcd {
namespace {

using runtime::Endpoint;
using runtime::Network;
using runtime::Stream;
using runtime::Task;

constexpr std::string_view kRequest = "GET /godwit/formation HTTP/1.0\r\n\r\n";
constexpr std::string_view kRequestLine = "GET /godwit/formation ";
constexpr std::string_view kHead = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";
constexpr size_t kRequestMax = 4096;
constexpr size_t kAnswerMax = 16384;
constexpr size_t kVisitsMax = 64;
constexpr Duration kVisitTimeout = std::chrono::seconds(2);

// Reads until `end` is there or the peer is done; empty when it does not come to that within `size_max` bytes.
Task<std::string> read_until(Stream& stream, std::string_view end, size_t size_max) {
  std::string text;
  std::array<std::byte, 1024> part;
  while (text.size() < size_max) {
    const auto count = co_await stream.read_some(part);
    if (!count || *count == 0) co_return text;
    text += as_text(BytesView(part.data(), *count));
    if (!end.empty() && text.find(end) != std::string::npos) co_return text;
  }
  co_return std::string();
}

Task<bool> write_text(Stream& stream, std::string text) {
  const BytesView part = as_bytes(text);
  co_return (co_await stream.write_all({&part, 1})).has_value();
}

}  // namespace

// Closes its connection when it takes too long.
struct Door::Visit {
  explicit Visit(std::unique_ptr<Stream> connection)
      : stream(std::move(connection)), limit(*runtime::Shard::current()) {
    limit.start(runtime::Shard::current()->now() + kVisitTimeout, [this] { stream->close(); });
  }
  std::unique_ptr<Stream> stream;
  runtime::Timer limit;
};

Door::~Door() = default;

Task<Result<std::unique_ptr<Door>>> Door::open(Network& network, Endpoint at) {
  auto listener = co_await network.listen(std::move(at), {.backlog = 64});
  if (!listener) co_return fail(listener.error());
  co_return std::unique_ptr<Door>(new Door(std::move(*listener)));
}

Task<void> Door::answer(std::shared_ptr<Visit> visit, std::string text) {
  const std::string request = co_await read_until(*visit->stream, "\r\n\r\n", kRequestMax);
  if (request.find("\r\n\r\n") == std::string::npos) co_return;
  // The etcds of those who have begun already look here for their peer.
  if (!request.starts_with(kRequestLine)) {
    (void)co_await write_text(*visit->stream, "HTTP/1.0 404 Not Found\r\n\r\n");
    co_return;
  }
  if (co_await write_text(*visit->stream, std::string(kHead) + text)) visit->stream->shutdown_write();
}

Task<void> Door::serve(std::function<MemberState()> state) {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) {
      if (stream.error().kind == ErrorKind::closed) co_return;
      co_await runtime::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    if (visits_.inside() >= kVisitsMax) continue;
    auto visit = std::make_shared<Visit>(std::move(*stream));
    std::erase_if(open_, [](const auto& one) { return one.expired(); });
    open_.push_back(visit);
    visits_.spawn(*runtime::Shard::current(), answer(std::move(visit), to_text(state())));
  }
}

Task<void> Door::close() {
  listener_->close();
  // A peer's etcd keeps connections on which it says nothing.
  for (const auto& one : open_) {
    if (const auto visit = one.lock()) visit->stream->close();
  }
  co_await visits_.close();
}

Task<Heard> ask_door(Network& network, Endpoint at, Duration timeout) {
  const MonotonicTime end = runtime::Shard::current()->now() + timeout;
  auto stream = co_await network.connect(std::move(at), timeout);
  if (!stream) co_return Silence{};
  runtime::Timer limit(*runtime::Shard::current());
  bool late = false;
  limit.start(end, [&stream, &late] {
    late = true;
    (*stream)->close();
  });
  if (!co_await write_text(**stream, std::string(kRequest))) {
    if (late) co_return Silence{};
    co_return Mute{};
  }
  // An etcd says its status at once and may keep the connection for seconds: that line is enough.
  std::string text = co_await read_until(**stream, "\r\n", kAnswerMax);
  if (text.starts_with("HTTP/") && !text.starts_with("HTTP/1.0 200 ")) co_return SomethingElse{};
  if (!text.empty() && !late) text += co_await read_until(**stream, "", kAnswerMax);
  limit.stop();
  if (late) co_return Silence{};
  if (text.empty()) co_return Mute{};
  if (text.starts_with(kHead)) {
    auto state = parse_state(std::string_view(text).substr(kHead.size()));
    if (state) co_return std::move(*state);
    // A door of ours whose answer was cut off.
    co_return Silence{};
  }
  if (text.starts_with("HTTP/")) co_return SomethingElse{};
  co_return Silence{};
}

}  // namespace godwit::coordination::etcd
