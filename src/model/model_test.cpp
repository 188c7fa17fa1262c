#include <gtest/gtest.h>

#include "model/error_code.h"
#include "model/topic.h"

namespace godwit {
namespace {

TEST(TopicName, IsRefusedWithAReason) {
  EXPECT_EQ(topic_name_fault("orders.v1_A-9"), "");
  EXPECT_NE(topic_name_fault(""), "");
  EXPECT_NE(topic_name_fault("."), "");
  EXPECT_NE(topic_name_fault(".."), "");
  EXPECT_NE(topic_name_fault("a b"), "");
  EXPECT_NE(topic_name_fault("caf\xc3\xa9"), "");
  EXPECT_EQ(topic_name_fault(std::string(249, 'a')), "");
  EXPECT_NE(topic_name_fault(std::string(250, 'a')), "");
}

TEST(TopicName, CollidesWhereDotAndUnderscoreAreAllThatDiffers) {
  EXPECT_TRUE(topic_names_collide("a.b", "a_b"));
  EXPECT_FALSE(topic_names_collide("a.b", "a-b"));
  EXPECT_FALSE(topic_names_collide("a.b", "a.bc"));
}

TEST(ErrorCode, HasTheProtocolsNamesAndRetriability) {
  EXPECT_EQ(to_string(ErrorCode::none), "NONE");
  EXPECT_EQ(to_string(ErrorCode::not_leader_or_follower), "NOT_LEADER_OR_FOLLOWER");
  EXPECT_TRUE(is_retriable(ErrorCode::kafka_storage_error));
  EXPECT_FALSE(is_retriable(ErrorCode::rebalance_in_progress));
  EXPECT_EQ(to_string(static_cast<ErrorCode>(9999)), "UNKNOWN_SERVER_ERROR");
}

}  // namespace
}  // namespace godwit
