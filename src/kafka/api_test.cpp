#include "kafka/api.h"

#include <gtest/gtest.h>

namespace godwit::kafka {
namespace {

using codec::VersionRange;

TEST(Api, AcceptsWhatKafka43AcceptsOfTheMostImportantRequests) {
  EXPECT_EQ(accepted_versions(ApiKey::produce), (VersionRange{3, 13}));
  EXPECT_EQ(accepted_versions(ApiKey::fetch), (VersionRange{4, 18}));
  EXPECT_EQ(accepted_versions(ApiKey::list_offsets), (VersionRange{1, 11}));
  EXPECT_EQ(accepted_versions(ApiKey::metadata), (VersionRange{0, 13}));
  EXPECT_EQ(accepted_versions(ApiKey::init_producer_id), (VersionRange{0, 5}));
}

// Measured with librdkafka 2.0.2: see ApiInfo::advertised.
TEST(Api, AdvertisesTheOldVersionsThatLibrdkafkaLooksFor) {
  for (const ApiKey key :
       {ApiKey::produce, ApiKey::join_group, ApiKey::sasl_handshake, ApiKey::find_coordinator,
        ApiKey::sync_group, ApiKey::heartbeat, ApiKey::leave_group, ApiKey::init_producer_id,
        ApiKey::sasl_authenticate, ApiKey::api_versions}) {
    EXPECT_EQ(advertised_versions(key).first, 0) << to_string(key);
  }
  for (const ApiKey key : {ApiKey::offset_commit, ApiKey::offset_fetch, ApiKey::list_offsets}) {
    EXPECT_LE(advertised_versions(key).first, 1) << to_string(key);
  }
}

TEST(Api, AKeyOffTheWireIsFoundOrNot) {
  ASSERT_NE(find_api(75), nullptr);
  EXPECT_EQ(find_api(75)->name, "DescribeTopicPartitions");
  EXPECT_EQ(find_api(4), nullptr);
  EXPECT_EQ(find_api(-1), nullptr);
  EXPECT_EQ(find_api(32767), nullptr);
}

TEST(Api, HeadersFollowTheFlexibleVersions) {
  EXPECT_EQ(api_info(ApiKey::fetch).request_header_version(11), 1);
  EXPECT_EQ(api_info(ApiKey::fetch).request_header_version(12), 2);
  EXPECT_EQ(api_info(ApiKey::fetch).response_header_version(12), 1);
  EXPECT_EQ(api_info(ApiKey::api_versions).request_header_version(3), 2);
  EXPECT_EQ(api_info(ApiKey::api_versions).response_header_version(3), 0);
  EXPECT_EQ(api_info(ApiKey::sasl_handshake).request_header_version(1), 1);
}

}  // namespace
}  // namespace godwit::kafka
