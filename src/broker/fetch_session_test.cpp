#include "broker/fetch_session.h"

#include <gtest/gtest.h>

namespace godwit::broker {
namespace {

using namespace std::chrono_literals;

struct Counting final : runtime::Random {
  uint64_t next() override { return ++count; }
  uint64_t count = 0;
};

constexpr int16_t kVersion = 12;

kafka::FetchRequest names(int partitions, int32_t session = 0, int32_t epoch = 0) {
  kafka::FetchRequest request;
  request.session_id = session;
  request.session_epoch = epoch;
  auto& topic = request.topics.emplace_back();
  topic.topic = "orders";
  for (int i = 0; i < partitions; ++i) topic.partitions.emplace_back().partition = PartitionIndex(i);
  return request;
}

struct FetchSessionsTest : testing::Test {
  Counting random;
  size_t of_ten = [this] {
    FetchSessions sessions(10, random);
    (void)sessions.begin(names(10), kVersion, {});
    return sessions.bytes();
  }();
  MonotonicTime now{};
};

TEST_F(FetchSessionsTest, AreBoundedInWhatTheyNameTogether) {
  FetchSessions sessions(1000, random, 3 * of_ten);
  for (int i = 0; i < 3; ++i) EXPECT_NE(sessions.begin(names(10), kVersion, now).session, nullptr);
  EXPECT_EQ(sessions.bytes(), 3 * of_ten);
  EXPECT_EQ(sessions.begin(names(10), kVersion, now).session, nullptr) << "it goes on without a session";
  EXPECT_EQ(sessions.begin(names(31), kVersion, now).session, nullptr) << "more than there is for all";
  EXPECT_EQ(sessions.size(), 3U);
  // Those that nobody used for long give way.
  EXPECT_NE(sessions.begin(names(20), kVersion, now + 3min).session, nullptr);
  EXPECT_EQ(sessions.size(), 2U);
  EXPECT_EQ(sessions.bytes(), 3 * of_ten);
}

TEST_F(FetchSessionsTest, OneThatGrowsBeyondTheBoundEnds) {
  FetchSessions sessions(1000, random, 3 * of_ten);
  const auto session = sessions.begin(names(10), kVersion, now).session;
  EXPECT_TRUE(sessions.begin(names(30, session->id, 1), kVersion, now).incremental);
  EXPECT_EQ(sessions.bytes(), 3 * of_ten);
  EXPECT_EQ(sessions.begin(names(31, session->id, 2), kVersion, now).error,
            ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(sessions.size(), 0U);
  EXPECT_EQ(sessions.bytes(), 0U);
}

TEST_F(FetchSessionsTest, ThatForgetOrEndGiveTheirMemoryBack) {
  FetchSessions sessions(1000, random);
  const auto session = sessions.begin(names(10), kVersion, now).session;
  auto request = names(0, session->id, 1);
  auto& forgotten = request.forgotten_topics_data.emplace_back();
  forgotten.topic = "orders";
  for (int i = 0; i < 10; ++i) forgotten.partitions.push_back(PartitionIndex(i));
  (void)sessions.begin(request, kVersion, now);
  EXPECT_EQ(sessions.bytes(), 0U);
  (void)sessions.begin(names(10, session->id, 2), kVersion, now);
  EXPECT_EQ(sessions.bytes(), of_ten);
  (void)sessions.begin(names(10, session->id, -1), kVersion, now);
  EXPECT_EQ(sessions.bytes(), 0U);
}

}  // namespace
}  // namespace godwit::broker
