// What Metadata answers and does, as a client of one broker sees it.
#include "broker/stage_testing.h"
#include "kafka/messages/metadata.h"

namespace godwit::broker {
namespace {

kafka::MetadataRequest asking_for(const std::string& topic) {
  kafka::MetadataRequest request;
  request.topics.emplace();
  request.topics->emplace_back().name = topic;
  request.allow_auto_topic_creation = true;
  return request;
}

TEST(MetadataApi, WhereTopicsAreNotCreatedByUseAnUnknownOneIsToldAndNotMade) {
  BrokerOptions options = stage_options();
  options.auto_create_topics = false;
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        // Old versions cannot say whether they want it created: the broker's setting holds for them too.
        for (const int16_t version : {int16_t{1}, kafka::MetadataRequest::kFormat.versions.last}) {
          for (const std::string_view unknown : {std::string_view("nowhere"), kConsumerOffsetsTopic}) {
            const std::string name(unknown);
            const auto answer = co_await stage.ask(asking_for(name), version);
            EXPECT_EQ(answer.topics.at(0).error_code, ErrorCode::unknown_topic_or_partition) << name;
            EXPECT_TRUE(answer.topics.at(0).partitions.empty()) << name;
          }
        }
        EXPECT_TRUE(stage.broker->metadata().image()->topics().empty());
        co_await stage.create("somewhere");
        const auto known = co_await stage.ask(asking_for("somewhere"));
        EXPECT_EQ(known.topics.at(0).error_code, ErrorCode::none);
      },
      options);
}

TEST(MetadataApi, WhereTopicsAreCreatedByUseAnUnknownOneIsMade) {
  run_on_stage([](Stage& stage) -> Task<void> {
    const auto answer = co_await stage.ask(asking_for("nowhere"));
    EXPECT_EQ(answer.topics.at(0).error_code, ErrorCode::none);
    EXPECT_NE(stage.broker->metadata().image()->find("nowhere"), nullptr);
  });
}

// The brokers as a client is told them that dialled this port.
Task<std::vector<runtime::Endpoint>> brokers_by(Stage& stage, uint16_t port) {
  constexpr int16_t kVersion = 12;
  kafka::MetadataRequest request;
  request.topics.emplace();
  auto stream = co_await stage.runtime.network().connect({"10.0.0.1", port}, 1s);
  EXPECT_TRUE(stream.has_value()) << port;
  const Bytes sent = kafka::encode_request(1, "tester", request, kVersion)->flatten();
  const BytesView part(sent);
  EXPECT_TRUE(co_await (*stream)->write_all(std::span(&part, 1)));
  Bytes length(4);
  EXPECT_TRUE(co_await runtime::read_exactly(**stream, length));
  Bytes body(load_big<uint32_t>(length.data()));
  EXPECT_TRUE(co_await runtime::read_exactly(**stream, body));
  auto frame = kafka::parse_response(SharedBytes::own(std::move(body)), kafka::ApiKey::metadata, kVersion);
  EXPECT_TRUE(frame.has_value());
  const auto answer = codec::decode<kafka::MetadataResponse>(frame->body, kVersion);
  EXPECT_TRUE(answer.has_value());
  std::vector<runtime::Endpoint> told;
  for (const auto& broker : answer->brokers)
    told.push_back({broker.host, static_cast<uint16_t>(broker.port)});
  co_return told;
}

TEST(MetadataApi, AClientIsToldTheAdvertisedAddressOfTheListenerThatItDialled) {
  BrokerOptions options = stage_options();
  options.listeners = {
      {.name = "INTERNAL", .bind = {"", 9092}, .advertised = runtime::Endpoint{"godwit.internal", 19092}},
      {.name = "EXTERNAL", .bind = {"", 9093}, .advertised = runtime::Endpoint{"kafka.example.org", 443}},
      {.name = "PLAIN", .bind = {"", 9094}, .advertised = {}}};
  options.inter_broker_listener = "INTERNAL";
  run_on_stage(
      [](Stage& stage) -> Task<void> {
        using All = std::vector<runtime::Endpoint>;
        EXPECT_EQ(co_await brokers_by(stage, 9092), (All{{"godwit.internal", 19092}}));
        EXPECT_EQ(co_await brokers_by(stage, 9093), (All{{"kafka.example.org", 443}}));
        EXPECT_EQ(co_await brokers_by(stage, 9094), (All{{"10.0.0.1", 9094}}))
            << "nothing is advertised: what was dialled works";
      },
      options);
}

}  // namespace
}  // namespace godwit::broker
