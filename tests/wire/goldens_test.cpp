// Frames that real clients sent, and what they were answered: each decodes to what Kafka's own classes say of it (the
// .expected file beside it), and encodes back to the same bytes. README.md says where they come from.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>

#include "kafka/any_message.h"
#include "kafka/frame.h"
#include "printed.h"

namespace godwit::wire {
namespace {

namespace fs = std::filesystem;
using kafka::AnyMessage;

struct Golden {
  std::string client;
  std::string name;  // "Fetch-v11"
  fs::path frames;
};

void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.client << " " << golden.name;
}

std::vector<Golden> all_goldens() {
  std::vector<Golden> found;
  for (const auto& entry : fs::recursive_directory_iterator(GODWIT_GOLDENS)) {
    if (entry.path().extension() != ".hex") continue;
    found.push_back(
        {entry.path().parent_path().filename().string(), entry.path().stem().string(), entry.path()});
  }
  std::ranges::sort(found, {}, &Golden::frames);
  return found;
}

// Request and response: digits, an empty line between.
struct Exchange {
  SharedBytes request;
  SharedBytes response;
};

SharedBytes from_hex(std::string_view digits) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  }
  return SharedBytes::own(std::move(bytes));
}

Exchange read_exchange(const fs::path& path) {
  std::ifstream file(path);
  std::string digits[2];
  size_t which = 0;
  for (std::string line; std::getline(file, line) && which < 2;) {
    if (line.empty()) ++which;
    if (which < 2) digits[which] += line;
  }
  return {from_hex(digits[0]), from_hex(digits[1])};
}

// The lines "request PATH=VALUE" or "response PATH=VALUE" of the file.
Leaves read_expected(fs::path path, std::string_view side) {
  std::ifstream file(path.replace_extension(".expected"));
  Leaves leaves;
  for (std::string line; std::getline(file, line);) {
    const size_t space = line.find(' ');
    const size_t equals = line.find('=');
    if (line.substr(0, space) != side) continue;
    leaves[line.substr(space + 1, equals - space - 1)] = line.substr(equals + 1);
  }
  return leaves;
}

// What print leaves out: it omits a field that has its default.
bool may_be_default(const std::string& place, const std::string& value) {
  static const std::set<std::string> kOfMany = {"0",
                                                "-1",
                                                "\"\"",
                                                "null",
                                                "true",
                                                "false",
                                                "\"NONE\"",
                                                "<0 bytes>",
                                                "2147483647",
                                                "-2147483648",
                                                "9223372036854775807",
                                                "\"AAAAAAAAAAAAAAAAAAAAAA\""};
  static const std::set<std::string> kOfOne = {"endpoint_type=1", "response_partition_limit=2000"};
  return kOfMany.contains(value) || kOfOne.contains(place + "=" + value);
}

std::string unquoted(const std::string& value) {
  return value.size() >= 2 && value.front() == '"' ? value.substr(1, value.size() - 2) : value;
}

void expect_says(const AnyMessage& message, const AnyMessage::Value& value, const Leaves& expected) {
  constexpr size_t kUncut = 1 << 20;
  const Leaves printed = leaves_of(message.print(value, kUncut));
  for (const auto& [place, text] : printed) {
    const auto found = expected.find(place);
    ASSERT_NE(found, expected.end()) << place << "=" << text << " is not what Kafka reads there";
    EXPECT_EQ(unquoted(text), unquoted(found->second)) << place;
  }
  for (const auto& [place, text] : expected) {
    if (!may_be_default(place, text))
      EXPECT_TRUE(printed.contains(place)) << place << "=" << text << " is missing";
  }
}

void expect_same_bytes(const AnyMessage& message, const AnyMessage::Value& value, int16_t version,
                       const Bytes& header, const SharedBytes& frame) {
  const auto body = message.encode(value, version);
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(to_hex(header) + to_hex(body->flatten()), to_hex(frame.view()));
}

class WireGolden : public testing::TestWithParam<Golden> {};

TEST_P(WireGolden, DecodesToWhatKafkaReadsAndEncodesToTheSameBytes) {
  const Golden& golden = GetParam();
  const Exchange exchange = read_exchange(golden.frames);
  auto request = kafka::parse_request(exchange.request);
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_TRUE(request->accepted());
  const kafka::ApiKey key = request->key();
  const int16_t version = request->version;
  EXPECT_EQ(golden.name, std::string(request->api->name) + "-v" + std::to_string(version));

  const AnyMessage& asks = kafka::request_of(key);
  const auto asked = asks.decode(request->body, version);
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(request->body.remaining(), 0u);
  expect_says(asks, *asked, read_expected(golden.frames, "request"));
  expect_same_bytes(asks, *asked, version,
                    kafka::request_header(key, version, request->correlation_id, request->client_id),
                    exchange.request);

  auto response = kafka::parse_response(exchange.response, key, version);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->correlation_id, request->correlation_id);
  const AnyMessage& answers = kafka::response_of(key);
  const auto answered = answers.decode(response->body, version);
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(response->body.remaining(), 0u);
  expect_says(answers, *answered, read_expected(golden.frames, "response"));
  expect_same_bytes(answers, *answered, version,
                    kafka::response_header(key, version, response->correlation_id), exchange.response);
}

INSTANTIATE_TEST_SUITE_P(OfClients, WireGolden, testing::ValuesIn(all_goldens()), [](const auto& info) {
  std::string name = info.param.client + "_" + info.param.name;
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(WireGoldens, PrintedValuesAreTakenApart) {
  EXPECT_EQ(
      leaves_of(
          "X{topics=[{name=\"a, }\\\"\", ids=[1, 2]}, {name=\"b\"}], size=<3 bytes>, none=[], last=null}"),
      (Leaves{{"topics[0].name", "\"a, }\\\"\""},
              {"topics[0].ids[0]", "1"},
              {"topics[0].ids[1]", "2"},
              {"topics[1].name", "\"b\""},
              {"size", "<3 bytes>"},
              {"last", "null"}}));
}

TEST(WireGoldens, AreThereOfEveryClient) {
  std::set<std::string> clients;
  for (const Golden& golden : all_goldens()) clients.insert(golden.client);
  EXPECT_EQ(clients, (std::set<std::string>{"aiokafka", "confluent-kafka", "console-tools", "franz-go",
                                            "franz-go-debian", "godwit-client", "java", "kafka-python",
                                            "kafkajs", "kcat", "librdkafka"}));
}

}  // namespace
}  // namespace godwit::wire
