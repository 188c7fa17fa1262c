#include "broker/look_agenda.h"

#include <gtest/gtest.h>

#include <vector>

namespace godwit::broker {
namespace {

using std::chrono::seconds;

class Agenda : public ::testing::Test {
 protected:
  static TopicPartition id(int index) { return {TopicId(), PartitionIndex(index)}; }
  static MonotonicTime at(int second) { return MonotonicTime(seconds(second)); }
  std::vector<int> take_at(int second) {
    std::vector<int> taken;
    while (const auto due = agenda_.take_due(at(second))) {
      const int index = due->id.partition.value();
      if (LookAgenda::counts(*due, marks_[index])) taken.push_back(index);
    }
    return taken;
  }
  // All that is there, whether it counts or not.
  int entries_until(int second) {
    int entries = 0;
    while (agenda_.take_due(at(second))) ++entries;
    return entries;
  }
  void look_by(int index, int second) { agenda_.look_by(id(index), marks_[index], at(second)); }

  LookAgenda agenda_;
  LookAgenda::Mark marks_[4];
};

TEST_F(Agenda, GivesWhatIsDueTheSoonestFirstAndEachOnce) {
  look_by(1, 30);
  look_by(2, 10);
  look_by(3, 20);
  EXPECT_EQ(take_at(9), std::vector<int>());
  EXPECT_EQ(take_at(20), (std::vector{2, 3}));
  EXPECT_EQ(take_at(29), std::vector<int>());
  EXPECT_EQ(take_at(40), std::vector{1});
  EXPECT_EQ(take_at(1000), std::vector<int>());
}

TEST_F(Agenda, ASoonerTimeCountsAndALaterOneWaitsUntilItWasTaken) {
  look_by(1, 30);
  look_by(1, 10);
  look_by(1, 50);
  EXPECT_EQ(take_at(10), std::vector{1});
  look_by(1, 50);
  EXPECT_EQ(take_at(29), std::vector<int>());
  EXPECT_EQ(take_at(49), std::vector<int>()) << "what was said before a sooner time counts no more";
  EXPECT_EQ(take_at(50), std::vector{1});
  EXPECT_EQ(take_at(1000), std::vector<int>());
}

TEST_F(Agenda, WhatOnlyAnEventLeadsToIsNeverDue) {
  agenda_.look_by(id(1), marks_[1], MonotonicTime::max());
  EXPECT_FALSE(agenda_.take_due(MonotonicTime::max()));
}

TEST_F(Agenda, WhatASoonerTimeReplacedIsGoneOnceItsOwnHasPassed) {
  for (int second = 100; second > 0; --second) look_by(1, second);
  EXPECT_EQ(take_at(100), std::vector{1});
  EXPECT_FALSE(agenda_.take_due(at(1'000'000)));
}

// After a look each event says a time anew, mostly a later one: none of them may cost memory.
TEST_F(Agenda, GrowsByOneForALookHoweverManyEventsThereAre) {
  for (int second = 10; second < 10'000; ++second) look_by(1, second);
  EXPECT_EQ(entries_until(20'000), 1);
}

}  // namespace
}  // namespace godwit::broker
