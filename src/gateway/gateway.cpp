#include "gateway/gateway.h"

#include <set>

#include "gateway/http.h"
#include "gateway/routes.h"
#include "runtime/sync.h"

namespace godwit::gateway {
namespace {

using runtime::Task;

// What is read from the socket at a time.
constexpr size_t kReadBytes = 4096;
// What is read and dropped of a peer that was refused.
constexpr size_t kDroppedBytesMax = 1 << 20;

struct Counters {
  explicit Counters(metrics::Registry& registry)
      : connections(registry.gauge("godwit_http_connections", "open HTTP connections")),
        requests(registry.counter("godwit_http_requests_total", "HTTP requests that were answered")),
        refused(registry.counter("godwit_http_refused_total",
                                 "HTTP connections refused at the limit, and requests that were none")) {}
  metrics::Gauge& connections;
  metrics::Counter& requests;
  metrics::Counter& refused;
};

class Server;

// One client. A request is read, answered, and only then the next one is looked at.
class Connection {
 public:
  Connection(Server& server, std::unique_ptr<runtime::Stream> stream);
  Task<void> run();
  // Ends it where it waits; an answer under way is still sent.
  void finish();

 private:
  Task<bool> read_request(RequestParser& parser);
  Task<bool> send(std::string text);
  void within(Duration timeout);
  Task<void> serve_requests();
  Task<void> refuse(Response why);

  Server& server_;
  std::unique_ptr<runtime::Stream> stream_;
  runtime::Timer timeout_;
  Bytes unread_;
  bool answering_ = false;
  bool finishing_ = false;
};

class Server final : public Gateway {
 public:
  Server(GatewayOptions options, runtime::Shard& shard, const broker::Service& service,
         metrics::Registry& registry, DiagnosticSink& diagnostics)
      : options_(std::move(options)),
        shard_(shard),
        service_(service),
        registry_(registry),
        counters_(registry),
        diagnostics_(diagnostics) {}

  Task<Result<void>> listen(runtime::Network& network) {
    auto made = co_await network.listen(*options_.at, {.backlog = 128});
    if (!made) co_return fail(made.error());
    listener_ = std::move(*made);
    tasks_.spawn(shard_, accept());
    co_return Result<void>();
  }

  Task<void> stop() override {
    stopping_ = true;
    listener_->close();
    for (Connection* const connection : connections_) connection->finish();
    co_await tasks_.close();
  }

  const runtime::Endpoint& address() const override { return listener_->local(); }

  const GatewayOptions& options() const { return options_; }
  runtime::Shard& shard() { return shard_; }
  Counters& counters() { return counters_; }
  Response answer(const Request& request) const { return gateway::answer(request, service_, registry_); }

  // False when it is one too many: it is only told so.
  bool enter(Connection& connection) {
    counters_.connections.add(1);
    connections_.insert(&connection);
    return connections_.size() <= options_.connections_max;
  }
  void leave(Connection& connection) {
    connections_.erase(&connection);
    counters_.connections.add(-1);
  }

 private:
  Task<void> serve(std::unique_ptr<runtime::Stream> stream) {
    Connection connection(*this, std::move(stream));
    co_await connection.run();
  }

  Task<void> accept() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream && stream.error().kind == ErrorKind::closed) co_return;
      if (!stream) {
        diagnostics_.emit({Severity::warning, "http.not_accepted", stream.error().message, {}});
        co_await runtime::sleep_for(std::chrono::milliseconds(100));
        continue;
      }
      // Those who are told to try again are bounded as well; who comes beyond is closed without a word.
      if (connections_.size() >= options_.connections_max * 2) {
        counters_.refused.add();
        continue;
      }
      tasks_.spawn(shard_, serve(std::move(*stream)));
    }
  }

  GatewayOptions options_;
  runtime::Shard& shard_;
  const broker::Service& service_;
  metrics::Registry& registry_;
  Counters counters_;
  DiagnosticSink& diagnostics_;
  std::unique_ptr<runtime::Listener> listener_;
  std::set<Connection*> connections_;
  runtime::Gate tasks_;
  bool stopping_ = false;
};

Connection::Connection(Server& server, std::unique_ptr<runtime::Stream> stream)
    : server_(server), stream_(std::move(stream)), timeout_(server.shard()) {}

Task<void> Connection::run() {
  if (server_.enter(*this)) {
    co_await serve_requests();
  } else {
    const Response full{.status = 503, .body = "too many HTTP connections; try again\n", .retry_later = true};
    co_await refuse(full);
  }
  timeout_.stop();
  server_.leave(*this);
  stream_->close();
}

Task<void> Connection::serve_requests() {
  while (!finishing_) {
    RequestParser parser(server_.options().header_bytes_max, server_.options().body_bytes_max);
    if (!co_await read_request(parser)) co_return;
    answering_ = true;
    const Request& request = parser.request();
    const bool keep = request.keep_alive && !finishing_;
    const bool sent = co_await send(serialize(server_.answer(request), request.method == "HEAD", keep));
    server_.counters().requests.add();
    answering_ = false;
    if (!sent || !keep) co_return;
  }
}

// False when the connection is over: ended, silent for too long, or answered with what was wrong.
Task<bool> Connection::read_request(RequestParser& parser) {
  within(unread_.empty() ? server_.options().idle_timeout : server_.options().request_timeout);
  for (;;) {
    const bool begun_before = parser.begun();
    size_t consumed = 0;
    const auto state = parser.feed(unread_, consumed);
    unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(consumed));
    if (state == RequestParser::State::done) co_return true;
    // What the parser leaves is a header that is not whole: it grows no further than the limit.
    const bool too_long = unread_.size() > server_.options().header_bytes_max;
    if (state == RequestParser::State::failed || too_long) {
      const Response long_header{.status = 431, .body = "the request's headers are too large\n"};
      co_await refuse(state == RequestParser::State::failed ? parser.error() : long_header);
      co_return false;
    }
    if (parser.take_expectation() && !co_await send("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
    if (!begun_before && parser.begun()) within(server_.options().request_timeout);
    const size_t size = unread_.size();
    unread_.resize(size + kReadBytes);
    const auto count = co_await stream_->read_some(MutableBytes(unread_).subspan(size));
    unread_.resize(size + (count ? *count : 0));
    if (!count || *count == 0) co_return false;
  }
}

Task<bool> Connection::send(std::string text) {
  within(server_.options().request_timeout);
  const BytesView part = as_bytes(text);
  const auto sent = co_await stream_->write_all(std::span(&part, 1));
  co_return sent.has_value();
}

// Closing while the peer still sends would take the answer away from it (a reset): what it sends is read and dropped
// until it ends, or its time is over.
Task<void> Connection::refuse(Response why) {
  server_.counters().refused.add();
  answering_ = true;
  const bool sent = co_await send(serialize(why, false, false));
  answering_ = false;
  if (!sent || finishing_) co_return;
  stream_->shutdown_write();
  within(server_.options().request_timeout);
  Bytes dropped(kReadBytes);
  for (size_t total = 0; total < kDroppedBytesMax;) {
    const auto count = co_await stream_->read_some(dropped);
    if (!count || *count == 0) break;
    total += *count;
  }
}

void Connection::within(Duration timeout) {
  timeout_.start(server_.shard().now() + timeout, [this] { stream_->close(); });
}

void Connection::finish() {
  finishing_ = true;
  if (!answering_) stream_->close();
}

}  // namespace

Task<Result<std::unique_ptr<Gateway>>> Gateway::start(GatewayOptions options, runtime::Runtime& runtime,
                                                      const broker::Service& service,
                                                      metrics::Registry& registry,
                                                      DiagnosticSink& diagnostics) {
  GW_CHECK(options.at.has_value(), "a gateway without an address is not started");
  auto server = std::make_unique<Server>(std::move(options), *runtime::Shard::current(), service, registry,
                                         diagnostics);
  GW_TRY(co_return, co_await server->listen(runtime.network()));
  co_return std::unique_ptr<Gateway>(std::move(server));
}

}  // namespace godwit::gateway
