#include "gateway/gateway.h"

#include <gtest/gtest.h>

#include "runtime/sim/network.h"
#include "runtime/sim/node.h"

namespace godwit::gateway {
namespace {

using namespace std::chrono_literals;
using runtime::Runtime;
using runtime::Stream;
using runtime::Task;

class SwitchedService final : public broker::Service {
 public:
  Readiness readiness() const override { return answer; }
  Readiness answer{true, "ready"};
};

// A gateway on one node, and a client on another one that says what it is told to say.
class GatewayTest : public testing::Test {
 protected:
  GatewayTest() {
    options_.at = runtime::Endpoint{"", 80};
    registry_.counter("godwit_test_total", "for the test").add(7);
  }

  // The gateway ends on its shard, before the world that it listens in.
  ~GatewayTest() override {
    stop_ = true;
    EXPECT_TRUE(world_.run_until([this] { return stopped_ || !started_; }));
  }

  void start() {
    started_ = true;
    server_.start([this](Runtime& runtime) -> Task<void> {
      auto started = co_await Gateway::start(options_, runtime, service_, registry_, sink_);
      EXPECT_TRUE(started);
      if (!started) co_return;
      gateway_ = std::move(*started);
      while (!stop_) co_await runtime::sleep_for(10ms);
      co_await gateway_->stop();
      gateway_.reset();
      stopped_ = true;
    });
    world_.run_for(1ms);
  }

  // Sends `text` in pieces of `piece` bytes on one connection, and gives all that comes until the gateway ends it or has said
  // nothing for a second.
  std::string ask(std::string text, size_t piece = 1 << 20) {
    std::string answer;
    EXPECT_TRUE(client_.run([&answer, text, piece](Runtime& runtime) -> Task<void> {
      auto connected = co_await runtime.network().connect({"server", 80}, 5s);
      EXPECT_TRUE(connected);
      if (!connected) co_return;
      Stream& stream = **connected;
      runtime::Timer quiet(*runtime::Shard::current());
      for (size_t at = 0; at < text.size(); at += piece) {
        const BytesView part = as_bytes(std::string_view(text).substr(at, piece));
        if (!co_await stream.write_all(std::span(&part, 1))) break;
      }
      Bytes buffer(4096);
      for (;;) {
        quiet.start(runtime::Shard::current()->now() + 1s, [&stream] { stream.close(); });
        const auto count = co_await stream.read_some(buffer);
        if (!count || *count == 0) break;
        answer += as_text(BytesView(buffer).first(*count));
      }
    }));
    return answer;
  }
  std::string get(const std::string& path) { return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); }

  static std::string status(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }
  static std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
  static size_t count(const std::string& text, const std::string& word) {
    size_t n = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
  }

  GatewayOptions options_;
  SwitchedService service_;
  metrics::Registry registry_;
  RecordingSink sink_;
  std::unique_ptr<Gateway> gateway_;
  bool started_ = false;
  bool stop_ = false;
  bool stopped_ = false;
  runtime::sim::World world_{1};
  runtime::sim::Node& server_ = world_.add_node("server");
  runtime::sim::Node& client_ = world_.add_node("client");
};

TEST_F(GatewayTest, MetricsAreThePrometheusPage) {
  start();
  const std::string answer = get("/metrics");
  EXPECT_EQ(status(answer), "HTTP/1.1 200 OK");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(body(answer).find("godwit_test_total 7\n"), std::string::npos);
}

TEST_F(GatewayTest, HealthIsThatTheProcessAnswersReadinessIsTheBrokers) {
  start();
  service_.answer = {false, "the broker is starting"};
  EXPECT_EQ(status(get("/healthz")), "HTTP/1.1 200 OK");
  EXPECT_EQ(status(get("/readyz")), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(body(get("/readyz")), "the broker is starting\n");
  service_.answer = {true, "ready"};
  EXPECT_EQ(status(get("/readyz")), "HTTP/1.1 200 OK");
}

TEST_F(GatewayTest, HeadHasTheHeadersOfGetAndNoBody) {
  start();
  const std::string answer = ask("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status(answer), "HTTP/1.1 200 OK");
  EXPECT_NE(answer.find("Content-Length: 6\r\n"), std::string::npos) << answer;
  EXPECT_EQ(body(answer), "");
}

TEST_F(GatewayTest, WhatIsNotThereIsNotFoundAndOtherMethodsAreRefused) {
  start();
  EXPECT_EQ(status(get("/metricsx")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status(get("/healthz?verbose=1")), "HTTP/1.1 200 OK");
  const std::string answer = ask("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(status(answer), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_NE(answer.find("Allow: GET, HEAD\r\n"), std::string::npos);
}

TEST_F(GatewayTest, AConnectionIsKeptUnlessTheClientWantsItClosed) {
  start();
  const std::string one = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(count(ask(one + one + last + one), "200 OK"), 3u) << "behind the last one nothing is answered";
  EXPECT_EQ(count(ask("GET /healthz HTTP/1.0\r\n\r\n" + one), "200 OK"), 1u);
}

TEST_F(GatewayTest, ARequestMayComeByteByByte) {
  start();
  const std::string text = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_EQ(count(ask(text + text, 1), "200 OK"), 2u);
  EXPECT_EQ(status(ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 1)),
            "HTTP/1.1 405 Method Not Allowed");
}

TEST_F(GatewayTest, ABodyIsAskedForWhereTheClientWaitsToBeAsked) {
  start();
  const std::string answer = ask("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(status(answer), "HTTP/1.1 100 Continue");
}

TEST_F(GatewayTest, GarbageGetsOneAnswerAndTheEnd) {
  start();
  for (const std::string& garbage :
       {std::string("this is nothing\r\n\r\n"), std::string("GET / HTTP/3.0\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", 10),
        std::string("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        std::string("GET /\x01 HTTP/1.1\r\n\r\n"),
        std::string("\0\0\0\x20\0\x12\0\0", 8) + std::string(40, '\0')}) {
    const std::string answer = ask(garbage);
    EXPECT_EQ(status(answer), "HTTP/1.1 400 Bad Request") << garbage;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  }
  EXPECT_EQ(status(get("/healthz")), "HTTP/1.1 200 OK");
}

TEST_F(GatewayTest, RandomBytesNeverHurtIt) {
  start();
  runtime::sim::SeededRandom random(7);
  const std::string good = "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  for (int i = 0; i < 300; ++i) {
    std::string text = good;
    for (uint64_t changes = 1 + random.next() % 6; changes > 0; --changes) {
      text[random.next() % text.size()] = static_cast<char>(random.next());
    }
    (void)ask(text, 1 + random.next() % 20);
  }
  EXPECT_EQ(status(get("/healthz")), "HTTP/1.1 200 OK");
}

TEST_F(GatewayTest, HeadersAndBodiesAreBounded) {
  start();
  EXPECT_EQ(status(ask("GET / HTTP/1.1\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n")),
            "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(status(ask("POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + std::string(70'000, 'x'))),
            "HTTP/1.1 413 Payload Too Large");
  std::string chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i) chunks += "400\r\n" + std::string(1024, 'x') + "\r\n";
  EXPECT_EQ(status(ask(chunks)), "HTTP/1.1 413 Payload Too Large");
}

TEST_F(GatewayTest, WhoSaysNothingOrNeverEndsItsRequestIsCutOff) {
  options_.idle_timeout = 5s;
  options_.request_timeout = 2s;
  start();
  for (const auto& [text, expected] : {std::pair<std::string, Duration>{"", 5s}, {"GET / HT", 2s}}) {
    Duration took{};
    EXPECT_TRUE(client_.run([&took, text](Runtime& runtime) -> Task<void> {
      auto stream = co_await runtime.network().connect({"server", 80}, 5s);
      const MonotonicTime began = runtime::Shard::current()->now();
      const BytesView part = as_bytes(text);
      if (!text.empty()) (void)co_await (*stream)->write_all(std::span(&part, 1));
      Bytes buffer(10);
      (void)co_await (*stream)->read_some(buffer);
      took = runtime::Shard::current()->now() - began;
    }));
    EXPECT_GE(took, expected);
    EXPECT_LT(took, expected + 100ms);
  }
}

TEST_F(GatewayTest, ConnectionsAreBoundedAndTheNextOneIsToldToTryAgain) {
  options_.connections_max = 3;
  start();
  client_.start([](Runtime& runtime) -> Task<void> {
    std::vector<std::unique_ptr<Stream>> held;
    for (int i = 0; i < 3; ++i) held.push_back(*co_await runtime.network().connect({"server", 80}, 5s));
    co_await runtime::sleep_for(10s);
  });
  world_.run_for(1s);
  const std::string answer = get("/healthz");
  EXPECT_EQ(status(answer), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(answer.find("Retry-After: 1"), std::string::npos);
  world_.run_for(20s);
  EXPECT_EQ(status(get("/healthz")), "HTTP/1.1 200 OK");
}

TEST_F(GatewayTest, StoppingEndsConnectionsThatWait) {
  start();
  client_.start([](Runtime& runtime) -> Task<void> {
    auto stream = co_await runtime.network().connect({"server", 80}, 5s);
    Bytes buffer(10);
    (void)co_await (*stream)->read_some(buffer);
  });
  world_.run_for(1s);
  stop_ = true;
  world_.run_for(1s);
  EXPECT_TRUE(stopped_);
}

TEST_F(GatewayTest, APortInUseIsTold) {
  start();
  EXPECT_TRUE(server_.run([this](Runtime& runtime) -> Task<void> {
    const auto second = co_await Gateway::start(options_, runtime, service_, registry_, sink_);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  }));
}

}  // namespace
}  // namespace godwit::gateway
