// Who comes to the Kafka port and does not speak Kafka, or none that this broker speaks: one clear line for the operator, a
// number to watch, and for a browser something to read.
#include "broker/connection_testing.h"
#include "net/sniff.h"

namespace godwit::broker {
namespace {

// Says it and gives what came back.
Task<std::string> answer_to(Stage& stage, std::string_view text) {
  const StreamPtr stream = co_await dial(stage);
  (void)co_await say(*stream, text);
  co_return co_await hear_all(*stream);
}

TEST(Stranger, ABrowserReadsWhereItIs) {
  BrokerOptions options = stage_options();
  options.http_address = "10.0.0.1:9644";
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        // Many, for a connection that is closed with something unread may take the answer along.
        for (int i = 0; i < 50; ++i) {
          const StreamPtr stream = co_await dial(stage);
          const std::string request =
              "GET /metrics HTTP/1.1\r\nHost: 10.0.0.1:9092\r\nCookie: " + std::string(i * 100, 'c') +
              "\r\n\r\n";
          EXPECT_TRUE(co_await say(*stream, request));
          const std::string answer = co_await hear_all(*stream);
          EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
          const size_t end = answer.find("\r\n\r\n");
          EXPECT_NE(end, std::string::npos);
          if (end == std::string::npos) co_return;
          const std::string body = answer.substr(end + 4);
          EXPECT_NE(answer.find("Content-Length: " + std::to_string(body.size()) + "\r\n"),
                    std::string::npos);
          EXPECT_EQ(body,
                    "This is godwit's Kafka port. It speaks the Kafka protocol, not HTTP.\n"
                    "HTTP (metrics, health) is at http://10.0.0.1:9644/\n");
        }
        EXPECT_EQ(stage.broker->metrics().not_kafka_http.value(), 50U);
        EXPECT_EQ(stage.broker->metrics().not_kafka_tls.value(), 0U);
        EXPECT_EQ(stage.broker->metrics().not_kafka_garbage.value(), 0U);
        const auto lines = told(stage, "connection.refused");
        EXPECT_FALSE(lines.empty());
        if (lines.empty()) co_return;
        EXPECT_EQ(lines[0].severity, Severity::warning);
        EXPECT_EQ(lines[0].text, net::advice(net::Protocol::http));
        EXPECT_TRUE(field(lines[0], "peer").starts_with("10.0.0.1:"));
        EXPECT_TRUE(field(lines[0], "first_bytes").starts_with(to_hex(as_bytes("GET "))));
      },
      options);
}

TEST(Stranger, AClientThatSendsItsHttpRequestForEverIsCutOff) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const StreamPtr stream = co_await dial(stage);
    EXPECT_TRUE(co_await say(*stream, "POST /upload HTTP/1.1\r\n\r\n"));
    const MonotonicTime began = runtime::Shard::current()->now();
    while (co_await say(*stream, std::string(100, 'x')) && runtime::Shard::current()->now() < began + 1min) {
      co_await runtime::sleep_for(100ms);
    }
    EXPECT_LT(runtime::Shard::current()->now(), began + 3s);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
    // And one that sends fast.
    const StreamPtr fast = co_await dial(stage);
    size_t sent = 0;
    while (sent < (4 << 20) && co_await say(*fast, "POST " + std::string(10'000, 'x'))) sent += 10'000;
    EXPECT_LT(sent, size_t{4} << 20);
  });
}

TEST(Stranger, TlsAndGarbageAreNamedCountedAndClosed) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    EXPECT_EQ(co_await answer_to(stage, hello), "");
    EXPECT_EQ(stage.broker->metrics().not_kafka_tls.value(), 1U);
    EXPECT_EQ(co_await answer_to(stage, "SSH-2.0-OpenSSH_9.2\r\n"), "");
    // A length beyond every bound.
    EXPECT_EQ(co_await answer_to(stage, std::string("\x7f\xff\xff\xff\0\x03\0\x09", 8)), "");
    EXPECT_EQ(stage.broker->metrics().not_kafka_garbage.value(), 2U);
    EXPECT_EQ(stage.broker->metrics().not_kafka_http.value(), 0U);
    const auto lines = told(stage, "connection.refused");
    EXPECT_EQ(lines.size(), 3U);
    if (lines.size() != 3) co_return;
    EXPECT_EQ(lines[0].text, net::advice(net::Protocol::tls));
    EXPECT_TRUE(field(lines[0], "first_bytes").starts_with("160301"));
    EXPECT_EQ(lines[1].text, net::advice(net::Protocol::garbage));
    EXPECT_EQ(field(lines[1], "first_bytes"), to_hex(as_bytes("SSH-2.0-")));
    EXPECT_EQ(lines[2].text, net::advice(net::Protocol::garbage));
  });
}

TEST(Stranger, ThatComesByteByByteIsKnownAllTheSameAndAProbeOfThePortIsNobodysFault) {
  run_on_stage([](Stage& stage) -> Task<void> {
    StreamPtr stream = co_await dial(stage);
    for (const char letter : std::string("HEAD / HTTP/1.0\r\n\r\n")) {
      (void)co_await say(*stream, std::string(1, letter));
      co_await runtime::sleep_for(10ms);
    }
    EXPECT_TRUE((co_await hear_all(*stream)).starts_with("HTTP/1.1 400 "));
    EXPECT_EQ(stage.broker->metrics().not_kafka_http.value(), 1U);
    stream.reset();
    const size_t lines = stage.diagnostics.events.size();
    for (const std::string text : {"", "G", "\0\0\0"}) {
      const StreamPtr probe = co_await dial(stage);
      if (!text.empty()) (void)co_await say(*probe, text);
      probe->close();
    }
    co_await runtime::sleep_for(1s);
    EXPECT_EQ(stage.diagnostics.events.size(), lines);
    EXPECT_EQ(stage.broker->metrics().connections.value(), 0);
    // Kafka in pieces is Kafka.
    const StreamPtr client = co_await dial(stage);
    for (const std::byte one : versions_request().flatten()) {
      (void)co_await say(*client, BytesView(&one, 1));
      co_await runtime::sleep_for(1ms);
    }
    EXPECT_TRUE(co_await is_answered(*client));
  });
}

TEST(Stranger, AFloodOfThemWritesTenLinesASecondAndIsCountedWhole) {
  run_on_stage([](Stage& stage) -> Task<void> {
    // All within one second of the clock.
    const auto now = runtime::Shard::current()->now();
    co_await runtime::sleep_for(std::chrono::ceil<std::chrono::seconds>(now.time_since_epoch()) -
                                now.time_since_epoch());
    for (int i = 0; i < 30; ++i) (void)co_await answer_to(stage, "SSH-2.0-x");
    EXPECT_EQ(told(stage, "connection.refused").size(), 10U);
    EXPECT_EQ(stage.broker->metrics().not_kafka_garbage.value(), 30U);
    co_await runtime::sleep_for(1s);
    (void)co_await answer_to(stage, "SSH-2.0-x");
    EXPECT_EQ(told(stage, "connection.refused").size(), 11U);
  });
}

// A frame of so many bytes behind its length: key, version, correlation id 7, client id "old", and `body`.
std::string frame_of(int16_t key, int16_t version, std::string_view body = "") {
  Bytes head(4 + 2 + 2 + 4 + 2);
  store_big<int32_t>(head.data(), static_cast<int32_t>(head.size() - 4 + 3 + body.size()));
  store_big<int16_t>(head.data() + 4, key);
  store_big<int16_t>(head.data() + 6, version);
  store_big<int32_t>(head.data() + 8, 7);
  store_big<int16_t>(head.data() + 12, 3);
  return std::string(as_text(head)) + "old" + std::string(body);
}

TEST(RefusedRequest, IsNamedCountedAndClosesItsConnection) {
  struct Case {
    std::string frame;
    std::string told;
  };
  const std::vector<Case> cases = {
      {frame_of(999, 1), "request with the unknown API key 999 v1"},
      {frame_of(3, 99), "Metadata v99: versions "},
      {frame_of(1, 99), "Fetch v99: versions "},
      {frame_of(3, 1, std::string("\xff\xff\xff\xf0", 4)), ""},
  };
  run_on_stage([&](Stage& stage) -> Task<void> {
    const StreamPtr other = co_await dial(stage);
    EXPECT_TRUE(co_await is_served(*other));
    size_t count = 0;
    for (const Case& one : cases) {
      EXPECT_EQ(co_await answer_to(stage, one.frame), "") << one.told;
      EXPECT_EQ(stage.broker->metrics().closed_bad_request.value(), ++count) << one.told;
      const auto lines = told(stage, "connection.refused_request");
      EXPECT_EQ(lines.size(), count) << one.told;
      if (lines.size() != count) co_return;
      EXPECT_EQ(lines.back().severity, Severity::warning);
      EXPECT_TRUE(lines.back().text.starts_with(one.told)) << lines.back().text;
      EXPECT_FALSE(lines.back().text.empty());
      EXPECT_TRUE(field(lines.back(), "peer").starts_with("10.0.0.1:"));
    }
    EXPECT_EQ(stage.broker->metrics().not_kafka_garbage.value(), 0U);
    EXPECT_TRUE(co_await is_served(*other)) << "it hurts nobody else";
  });
}

TEST(RefusedRequest, OfApiVersionsIsAnsweredSoThatAnyClientCanAskAgain) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const StreamPtr stream = co_await dial(stage);
    EXPECT_TRUE(co_await say(*stream, frame_of(18, 99, std::string("\0?", 2))));
    const auto answer = co_await hear(*stream);
    EXPECT_TRUE(answer.has_value());
    if (!answer) co_return;
    auto frame = kafka::parse_response(*answer, kafka::ApiKey::api_versions, 0);
    EXPECT_TRUE(frame.has_value());
    EXPECT_EQ(frame->correlation_id, 7);
    const auto response = codec::decode<kafka::ApiVersionsResponse>(frame->body, 0);
    EXPECT_TRUE(response.has_value());
    EXPECT_EQ(response->error_code, ErrorCode::unsupported_version);
    EXPECT_EQ(stage.broker->metrics().closed_bad_request.value(), 0U);
    EXPECT_TRUE(co_await is_served(*stream));
  });
}

TEST(RefusedRequest, AFrameAboveTheLimitNamesTheSetting) {
  BrokerOptions options = stage_options();
  options.request_bytes_max = 1000;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        const StreamPtr stream = co_await dial(stage);
        EXPECT_TRUE(co_await is_served(*stream));
        EXPECT_TRUE(co_await say(*stream, produce_of(2000)));
        (void)co_await hear_all(*stream);
        EXPECT_EQ(stage.broker->metrics().closed_bad_request.value(), 1U);
        const auto lines = told(stage, "connection.refused_request");
        EXPECT_EQ(lines.size(), 1U);
        if (lines.empty()) co_return;
        EXPECT_NE(lines[0].text.find("the limit is 1000 (socket.request.max.bytes)"), std::string::npos)
            << lines[0].text;
      },
      options);
}

TEST(RefusedRequest, AFloodOfThemWritesTenLinesASecondAndIsCountedWhole) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const auto now = runtime::Shard::current()->now();
    co_await runtime::sleep_for(std::chrono::ceil<std::chrono::seconds>(now.time_since_epoch()) -
                                now.time_since_epoch());
    for (int i = 0; i < 30; ++i) (void)co_await answer_to(stage, frame_of(999, 0));
    EXPECT_EQ(told(stage, "connection.refused_request").size(), 10U);
    EXPECT_EQ(stage.broker->metrics().closed_bad_request.value(), 30U);
  });
}

}  // namespace
}  // namespace godwit::broker
