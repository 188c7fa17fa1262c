#include "kafka/frame.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "kafka/headers.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/produce.h"

namespace godwit::kafka {
namespace {

// A frame as a connection hands it on, without its length.
SharedBytes without_length(const Chain& chain) {
  const SharedBytes whole = SharedBytes::own(chain.flatten());
  EXPECT_EQ(load_big<int32_t>(whole.data()), static_cast<int32_t>(whole.size() - kFrameLengthSize));
  return whole.slice(kFrameLengthSize, whole.size() - kFrameLengthSize);
}

SharedBytes raw(std::string_view bytes) {
  return SharedBytes::copy(as_bytes(bytes));
}

TEST(Frame, ARequestIsReadBackInOldAndFlexibleVersions) {
  MetadataRequest request;
  request.topics.emplace().push_back({.topic_id = {}, .name = "orders"});
  for (const int16_t version : {int16_t{1}, int16_t{8}, int16_t{9}, int16_t{13}}) {
    const auto chain = encode_request(77, "client-1", request, version);
    ASSERT_TRUE(chain) << chain.error().message;
    auto frame = parse_request(without_length(*chain));
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->key(), ApiKey::metadata);
    EXPECT_EQ(frame->version, version);
    EXPECT_EQ(frame->correlation_id, 77);
    EXPECT_EQ(frame->client_id, "client-1");
    EXPECT_TRUE(frame->accepted());
    EXPECT_EQ(codec::decode<MetadataRequest>(frame->body, version).value(), request);
    EXPECT_EQ(frame->body.remaining(), 0u);
  }
}

TEST(Frame, AClientMayHaveNoName) {
  const auto chain = encode_request(1, std::nullopt, ApiVersionsRequest{}, 0);
  const auto frame = parse_request(without_length(*chain));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->client_id, std::nullopt);
}

TEST(Frame, TheClientIdStaysInTheOldLayoutInFlexibleVersions) {
  EXPECT_EQ(to_hex(request_header(ApiKey::metadata, 9, 5, "ab")),
            "0003"
            "0009"
            "00000005"
            "0002"
            "6162"
            "00");
  EXPECT_EQ(to_hex(request_header(ApiKey::metadata, 8, 5, "ab")),
            "0003"
            "0008"
            "00000005"
            "0002"
            "6162");
}

TEST(Frame, AResponseIsReadBack) {
  MetadataResponse response;
  response.cluster_id = "c";
  for (const int16_t version : {int16_t{8}, int16_t{9}}) {
    const auto chain = encode_response(-3, response, version);
    ASSERT_TRUE(chain);
    auto frame = parse_response(without_length(*chain), ApiKey::metadata, version);
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->correlation_id, -3);
    EXPECT_EQ(codec::decode<MetadataResponse>(frame->body, version).value(), response);
  }
}

TEST(Frame, ResponseHeadersWrittenByHandAreThoseOfTheFieldList) {
  for (const ApiInfo& api : all_apis()) {
    for (int16_t version = api.accepted.first; version <= api.accepted.last; ++version) {
      const auto listed = codec::encode(ResponseHeader{1234567}, api.response_header_version(version));
      EXPECT_EQ(to_hex(response_header(api.key, version, 1234567)), to_hex(listed->flatten()));
    }
  }
}

TEST(Frame, ApiVersionsAnswersAlwaysHaveTheOldHeader) {
  EXPECT_EQ(response_header(ApiKey::api_versions, 4, 1).size(), 4u);
  EXPECT_EQ(response_header(ApiKey::metadata, 9, 1).size(), 5u);
}

TEST(Frame, AnApiVersionsRequestThatIsTooNewIsReadAsFarAsItsHeader) {
  const auto frame = parse_request(raw(std::string_view("\0\x12\0\x63\0\0\0\x07\0\x01x\0????", 16)));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_FALSE(frame->accepted());
  EXPECT_EQ(frame->version, 99);
  EXPECT_EQ(frame->correlation_id, 7);
  const auto answer = encode_response(7, api_versions_fallback(), 0);
  EXPECT_EQ(to_hex(answer->flatten()),
            "00000010"
            "00000007"
            "0023"
            "00000001"
            "0012"
            "0000"
            "0004");
}

TEST(Frame, WhatIsUnknownOrTooOldIsNamed) {
  EXPECT_EQ(parse_request(raw(std::string_view("\0\x63\0\x01\0\0\0\x07\xff\xff", 10))).error().describe(),
            "request with the unknown API key 99 v1 (unsupported)");
  EXPECT_EQ(parse_request(raw(std::string_view("\0\x01\0\x03\0\0\0\x07\xff\xff", 10))).error().describe(),
            "Fetch v3: versions 4 to 18 are accepted (unsupported)");
  EXPECT_EQ(parse_request(raw(std::string_view("\0\x12\xff\xff\0\0\0\x07\xff\xff", 10))).error().kind,
            ErrorKind::unsupported);
  EXPECT_EQ(parse_request(raw(std::string_view("\xff\xff\0\0\0\0\0\x07\xff\xff", 10))).error().kind,
            ErrorKind::unsupported);
}

TEST(Frame, WhatIsTooShortIsNamed) {
  EXPECT_EQ(parse_request(raw("")).error().message,
            "a request of 0 bytes, where its key, version and correlation id alone take 8");
  EXPECT_EQ(parse_request(raw(std::string_view("\0\x03\0\x01\0\0\0\x07", 8))).error().message,
            "Metadata v1: RequestHeader v1 client_id: needs 2 bytes but 0 remain");
  EXPECT_EQ(parse_request(raw(std::string_view("\0\x03\0\x01\0\0\0\x07\x7f\xff"
                                               "a",
                                               11)))
                .error()
                .message,
            "Metadata v1: RequestHeader v1 client_id: length 32767 but 1 bytes remain");
  EXPECT_FALSE(parse_response(raw("abc"), ApiKey::metadata, 1));
}

TEST(Frame, RecordsOfAProduceRequestAreASliceOfItsFrame) {
  ProduceRequest request;
  request.acks = -1;
  auto& partition = request.topic_data.emplace_back().partition_data.emplace_back();
  partition.records = SharedBytes::own(Bytes(100'000, std::byte{5}));
  const SharedBytes frame = without_length(*encode_request(1, "p", request, 9));
  auto parsed = parse_request(frame);
  const auto decoded = codec::decode<ProduceRequest>(parsed->body, 9);
  ASSERT_TRUE(decoded);
  const SharedBytes& records = *decoded->topic_data[0].partition_data[0].records;
  EXPECT_EQ(records.owner(), frame.owner());
  EXPECT_TRUE(records.data() > frame.data() &&
              records.data() + records.size() <= frame.data() + frame.size());
}

TEST(Frame, RecordsOfAFetchResponseAreSplicedIntoTheFrame) {
  const SharedBytes first = SharedBytes::own(Bytes(50'000, std::byte{1}));
  const SharedBytes second = SharedBytes::own(Bytes(60'000, std::byte{2}));
  FetchResponse response;
  auto& partition = response.responses.emplace_back().partitions.emplace_back();
  partition.records->append(first);
  partition.records->append(second);
  const auto chain = encode_response(1, response, 12);
  ASSERT_TRUE(chain);
  ASSERT_EQ(chain->parts().size(), 4u);  // what is before, two blocks, what is behind
  EXPECT_EQ(chain->parts()[1].data(), first.data());
  EXPECT_EQ(chain->parts()[2].data(), second.data());
  EXPECT_EQ(chain->parts()[0].owner(), chain->parts()[3].owner());  // one buffer for all that is not records
}

}  // namespace
}  // namespace godwit::kafka
