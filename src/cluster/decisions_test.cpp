#include "cluster/decisions.h"

#include <gtest/gtest.h>

namespace godwit::cluster {
namespace {

std::vector<BrokerId> ids(std::initializer_list<int> numbers) {
  std::vector<BrokerId> out;
  for (const int n : numbers) out.push_back(BrokerId(n));
  return out;
}

// Incarnation 10 × id for each, unless a test says otherwise.
Eligible live(std::initializer_list<int> numbers) {
  Eligible brokers;
  for (const int n : numbers) brokers.live[BrokerId(n)] = static_cast<uint64_t>(10 * n);
  return brokers;
}

PartitionState led(int leader, std::initializer_list<int> replicas, std::initializer_list<int> isr) {
  PartitionState state;
  state.version = 5;
  state.leader = BrokerId(leader);
  state.leader_incarnation = leader < 0 ? 0 : static_cast<uint64_t>(10 * leader);
  state.leader_epoch = LeaderEpoch(3);
  state.replicas = ids(replicas);
  state.isr = ids(isr);
  return state;
}

IsrWish wish(int asker, std::initializer_list<int> members) {
  IsrWish out;
  out.asker = BrokerId(asker);
  out.epoch = LeaderEpoch(3);
  out.version = 5;
  for (const int n : members) out.isr[BrokerId(n)] = static_cast<uint64_t>(10 * n);
  return out;
}

TEST(ChangeOfBrokers, NothingHappensWhileAllLive) {
  EXPECT_FALSE(after_change_of_brokers(led(1, {1, 2, 3}, {1, 2, 3}), live({1, 2, 3}), 2));
}

TEST(ChangeOfBrokers, ADeadLeaderIsReplacedInANewEpochAndLeavesTheIsr) {
  const auto next = after_change_of_brokers(led(1, {1, 2, 3}, {1, 2, 3}), live({2, 3}), 2);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
  EXPECT_EQ(next->leader_incarnation, 20u);
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(4));
  EXPECT_EQ(next->version, 6);
  EXPECT_EQ(next->isr, ids({2, 3}));
}

TEST(ChangeOfBrokers, WhoIsAboutToStopHandsOverAndLeavesTheIsrInOneStep) {
  Eligible brokers = live({1, 2, 3});
  brokers.not_to_lead = brokers.leaving = {BrokerId(1)};
  const auto next = after_change_of_brokers(led(1, {1, 2, 3}, {1, 2, 3}), brokers, 2);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
  EXPECT_EQ(next->isr, ids({2, 3}));
  EXPECT_EQ(next->version, 6);
  // As a follower it leaves in the same epoch.
  const auto followed = after_change_of_brokers(led(2, {1, 2, 3}, {1, 2, 3}), brokers, 2);
  ASSERT_TRUE(followed);
  EXPECT_EQ(followed->leader_epoch, LeaderEpoch(3));
  EXPECT_EQ(followed->isr, ids({2, 3}));
}

TEST(ChangeOfBrokers, WhoIsAboutToStopStaysInTheIsrWhereTooFewWouldBeLeft) {
  Eligible brokers = live({1, 2, 3});
  brokers.not_to_lead = brokers.leaving = {BrokerId(1), BrokerId(2), BrokerId(3)};
  EXPECT_EQ(after_change_of_brokers(led(1, {1, 2, 3}, {1, 2, 3}), brokers, 2)->isr, ids({1, 2}));
  EXPECT_FALSE(after_change_of_brokers(led(1, {1, 2, 3}, {1, 3}), brokers, 2));
  EXPECT_EQ(after_change_of_brokers(led(1, {1, 2, 3}, {1, 3}), brokers, 1)->isr, ids({1}));
  EXPECT_FALSE(after_change_of_brokers(led(1, {1}, {1}), brokers, 1));
}

TEST(ChangeOfBrokers, WhoIsNotHeardLosesWhatItLeadsAndItsPlaceThereAndNothingElse) {
  Eligible brokers = live({1, 2, 3});
  brokers.not_to_lead = brokers.unheard = {BrokerId(1)};
  const auto next = after_change_of_brokers(led(1, {1, 2, 3}, {1, 2, 3}), brokers, 2);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
  EXPECT_EQ(next->isr, ids({2, 3}));
  // It follows others, who say when it does not.
  EXPECT_FALSE(after_change_of_brokers(led(2, {1, 2, 3}, {1, 2, 3}), brokers, 2));
  // What only it can lead it leads on.
  EXPECT_FALSE(after_change_of_brokers(led(1, {1, 2, 3}, {1}), brokers, 1));
  // Rule 7's bound.
  EXPECT_EQ(after_change_of_brokers(led(1, {1, 2, 3}, {1, 2}), brokers, 2)->isr, ids({1, 2}));
}

TEST(ChangeOfBrokers, ADeadFollowerLeavesTheIsrInTheSameEpoch) {
  const auto next = after_change_of_brokers(led(1, {1, 2, 3}, {1, 2, 3}), live({1, 3}), 2);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(1));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(3));
  EXPECT_EQ(next->isr, ids({1, 3}));
}

TEST(ChangeOfBrokers, TheIsrIsNotShrunkBelowTheMinimum) {
  const auto next = after_change_of_brokers(led(1, {1, 2, 3}, {1, 3}), live({2, 3}), 2);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(3));
  EXPECT_EQ(next->isr, ids({1, 3}));
  EXPECT_FALSE(after_change_of_brokers(led(1, {1, 2}, {1, 2}), live({1}), 2));
}

TEST(ChangeOfBrokers, TheIsrIsNeverEmptied) {
  const auto next = after_change_of_brokers(led(1, {1}, {1}), live({}), 0);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, kNoBroker);
  EXPECT_EQ(next->leader_incarnation, 0u);
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(4));
  EXPECT_EQ(next->isr, ids({1}));
}

TEST(ChangeOfBrokers, NobodyOutsideTheIsrIsElected) {
  const auto next = after_change_of_brokers(led(1, {1, 2, 3}, {1}), live({2, 3}), 1);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, kNoBroker);
  EXPECT_FALSE(after_change_of_brokers(*next, live({2, 3}), 1));  // and it stays so
}

TEST(ChangeOfBrokers, AReturningMemberLeadsWhatHadNoLeader) {
  const auto next = after_change_of_brokers(led(-1, {1, 2}, {2}), live({1, 2}), 1);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(4));
}

TEST(ChangeOfBrokers, ANewIncarnationOfTheLeaderIsANewEpoch) {
  auto brokers = live({1});
  brokers.live[BrokerId(1)] = 11;
  const auto next = after_change_of_brokers(led(1, {1}, {1}), brokers, 1);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(1));
  EXPECT_EQ(next->leader_incarnation, 11u);
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(4));
}

TEST(ChangeOfBrokers, WhoIsNotToLeadHandsOverButStaysInTheIsr) {
  auto brokers = live({1, 2});
  brokers.not_to_lead = {BrokerId(1)};
  const auto next = after_change_of_brokers(led(1, {1, 2}, {1, 2}), brokers, 1);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
  EXPECT_EQ(next->isr, ids({1, 2}));
}

TEST(ChangeOfBrokers, WhoIsNotToLeadGoesOnWhereNobodyElseCan) {
  auto brokers = live({1, 2});
  brokers.not_to_lead = {BrokerId(1)};
  EXPECT_FALSE(after_change_of_brokers(led(1, {1, 2}, {1}), brokers, 1));
  brokers.not_to_lead.insert(BrokerId(2));
  EXPECT_FALSE(after_change_of_brokers(led(1, {1, 2}, {1, 2}), brokers, 1));
}

TEST(ChangeOfBrokers, WhoIsNotToLeadIsBetterThanNobody) {
  auto brokers = live({2});
  brokers.not_to_lead = {BrokerId(2)};
  const auto next = after_change_of_brokers(led(1, {1, 2}, {1, 2}), brokers, 1);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
}

TEST(Loss, WhoCannotProveItsLogLeavesTheIsrWhateverTheMinimumIs) {
  bool lost = true;
  const auto next = after_loss(led(1, {1, 2}, {1, 2}), BrokerId(2), live({1, 2}), lost);
  ASSERT_TRUE(next);
  EXPECT_FALSE(lost);
  EXPECT_EQ(next->isr, ids({1}));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(3));
}

TEST(Loss, ALeaderThatLostItsLogIsReplaced) {
  bool lost = true;
  const auto next = after_loss(led(1, {1, 2}, {1, 2}), BrokerId(1), live({1, 2}), lost);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
  EXPECT_EQ(next->isr, ids({2}));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(4));
}

TEST(Loss, OfTheLastMemberLeavesNoLeaderUntilAnOrder) {
  bool lost = false;
  auto next = after_loss(led(-1, {1, 2}, {1}), BrokerId(1), live({1, 2}), lost);
  ASSERT_TRUE(next);
  EXPECT_TRUE(lost);
  EXPECT_TRUE(is_lost(*next));
  EXPECT_EQ(next->isr, ids({1}));
  // Nothing but an order elects, not even when the broker comes again.
  EXPECT_FALSE(after_change_of_brokers(*next, live({1, 2}), 1));
  EXPECT_FALSE(elect_preferred(*next, live({1, 2})));
  EXPECT_FALSE(after_loss(*next, BrokerId(1), live({1, 2}), lost));
  EXPECT_FALSE(lost);
  const auto elected = elect_unclean(*next, live({1, 2}));
  ASSERT_TRUE(elected);
  EXPECT_EQ(elected->leader, BrokerId(1));
}

TEST(Loss, OfSomebodyOutsideTheIsrChangesNothing) {
  bool lost = true;
  EXPECT_FALSE(after_loss(led(1, {1, 2}, {1}), BrokerId(2), live({1, 2}), lost));
  EXPECT_FALSE(lost);
}

TEST(Preferred, TakesTheLeadWhenItIsInSyncAndMayLead) {
  const auto state = led(2, {1, 2}, {1, 2});
  const auto next = elect_preferred(state, live({1, 2}));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(1));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(4));
  EXPECT_FALSE(elect_preferred(*next, live({1, 2})));
}

TEST(Preferred, DoesNotTakeTheLeadOutOfSyncDeadOrNotToLead) {
  EXPECT_FALSE(elect_preferred(led(2, {1, 2}, {2}), live({1, 2})));
  EXPECT_FALSE(elect_preferred(led(2, {1, 2}, {1, 2}), live({2})));
  auto brokers = live({1, 2});
  brokers.not_to_lead = {BrokerId(1)};
  EXPECT_FALSE(elect_preferred(led(2, {1, 2}, {1, 2}), brokers));
}

TEST(Unclean, TakesALiveReplicaAloneIntoTheIsr) {
  const auto next = elect_unclean(led(-1, {1, 2, 3}, {1}), live({2, 3}));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2));
  EXPECT_EQ(next->isr, ids({2}));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(4));
}

TEST(Unclean, LosesNothingWhereAMemberOfTheIsrLives) {
  const auto next = elect_unclean(led(-1, {1, 2, 3}, {1, 3}), live({2, 3}));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(3));
  EXPECT_EQ(next->isr, ids({1, 3}));
}

TEST(Emptying, TakesOutOfTheIsrAsALossDoesAndIsRememberedAlsoOfAFollower) {
  bool lost = true;
  const auto member = after_emptying(led(1, {1, 2, 3}, {1, 2}), BrokerId(2), live({1, 2, 3}), lost);
  ASSERT_TRUE(member);
  EXPECT_FALSE(lost);
  EXPECT_EQ(member->isr, ids({1}));
  EXPECT_EQ(member->emptied, ids({2}));
  EXPECT_EQ(member->version, 6);
  const auto follower = after_emptying(*member, BrokerId(3), live({1, 2, 3}), lost);
  ASSERT_TRUE(follower);
  EXPECT_EQ(follower->isr, ids({1}));
  EXPECT_EQ(follower->emptied, ids({2, 3}));
  EXPECT_FALSE(after_emptying(*follower, BrokerId(3), live({1, 2, 3}), lost)) << "told again";
  EXPECT_FALSE(after_emptying(*follower, BrokerId(4), live({1, 2, 3, 4}), lost)) << "has no replica";
}

TEST(Emptying, IsOverOnceTheBrokerIsInSyncAgain) {
  bool lost = false;
  const auto emptied = after_emptying(led(1, {1, 2, 3}, {1, 2}), BrokerId(2), live({1, 2, 3}), lost);
  std::optional<PartitionState> next;
  IsrWish asked = wish(1, {1, 3});
  asked.version = 6;
  ASSERT_EQ(change_isr(*emptied, asked, live({1, 2, 3}), 1, next), IsrAnswer::accepted);
  EXPECT_EQ(next->emptied, ids({2}));
  asked.isr[BrokerId(2)] = 20;
  ASSERT_EQ(change_isr(*emptied, asked, live({1, 2, 3}), 1, next), IsrAnswer::accepted);
  EXPECT_EQ(next->emptied, ids({}));
}

TEST(Unclean, TakesWhoCameWithAnEmptyDiskLast) {
  bool lost = false;
  const auto state = after_emptying(led(-1, {1, 2, 3}, {1}), BrokerId(1), live({1, 2, 3}), lost);
  ASSERT_TRUE(lost);
  const auto taken = elect_unclean(*state, live({1, 2, 3}));
  EXPECT_EQ(taken->leader, BrokerId(2));
  EXPECT_EQ(taken->isr, ids({2}));
  EXPECT_EQ(taken->emptied, ids({1}));
  // Rather one that is not to lead.
  auto full = live({1, 2});
  full.not_to_lead = {BrokerId(2)};
  EXPECT_EQ(elect_unclean(*state, full)->leader, BrokerId(2));
  const auto alone = elect_unclean(*state, live({1}));
  EXPECT_EQ(alone->leader, BrokerId(1));
  EXPECT_EQ(alone->emptied, ids({})) << "what it has is the log from now on";
}

TEST(Unclean, TakesAFollowerWhoseDiskWasExchangedLast) {
  bool lost = false;
  const auto state = after_emptying(led(-1, {1, 2, 3}, {2}), BrokerId(1), live({1, 3}), lost);
  ASSERT_TRUE(state);
  EXPECT_FALSE(lost);
  EXPECT_EQ(elect_unclean(*state, live({1, 3}))->leader, BrokerId(3));
}

// Who cannot prove the last of what it has, has most all the same; unless its disk goes then.
TEST(Unclean, TakesTheLastInSyncThatCannotProveItsLogUnlessItsDiskWasExchangedSince) {
  bool lost = false;
  const auto damaged = after_loss(led(-1, {1, 2}, {1}), BrokerId(1), live({1, 2}), lost);
  ASSERT_TRUE(lost);
  EXPECT_EQ(elect_unclean(*damaged, live({1, 2}))->leader, BrokerId(1));
  const auto emptied = after_emptying(*damaged, BrokerId(1), live({1, 2}), lost);
  ASSERT_TRUE(emptied);
  EXPECT_TRUE(is_lost(*emptied));
  EXPECT_EQ(elect_unclean(*emptied, live({1, 2}))->leader, BrokerId(2));
}

TEST(Unclean, IsRefusedWhereALeaderLivesOrNobodyDoes) {
  EXPECT_FALSE(elect_unclean(led(1, {1, 2}, {1}), live({1, 2})));
  EXPECT_FALSE(elect_unclean(led(-1, {1, 2}, {1}), live({})));
}

class ChangeIsr : public testing::Test {
 protected:
  IsrAnswer ask(const PartitionState& state, const IsrWish& asked, const Eligible& brokers, int min = 2) {
    return change_isr(state, asked, brokers, min, next);
  }
  std::optional<PartitionState> next;
};

TEST_F(ChangeIsr, WhoIsAboutToStopDoesNotComeBackIn) {
  Eligible brokers = live({1, 2, 3});
  brokers.leaving = {BrokerId(3)};
  EXPECT_EQ(change_isr(led(1, {1, 2, 3}, {1, 2}), wish(1, {1, 2, 3}), brokers, 2, next),
            IsrAnswer::ineligible);
  EXPECT_EQ(change_isr(led(1, {1, 2, 3}, {1, 2, 3}), wish(1, {1, 2, 3}), brokers, 2, next),
            IsrAnswer::accepted);
}

TEST_F(ChangeIsr, AMemberJoinsInTheSameEpochAndTheOrderOfReplicas) {
  EXPECT_EQ(ask(led(3, {1, 2, 3}, {3, 2}), wish(3, {1, 2, 3}), live({1, 2, 3})), IsrAnswer::accepted);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->isr, ids({1, 2, 3}));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(3));
  EXPECT_EQ(next->version, 6);
}

TEST_F(ChangeIsr, AMemberLeavesButNotBelowTheMinimum) {
  EXPECT_EQ(ask(led(1, {1, 2, 3}, {1, 2, 3}), wish(1, {1, 3}), live({1, 2, 3})), IsrAnswer::accepted);
  EXPECT_EQ(next->isr, ids({1, 3}));
  EXPECT_EQ(ask(led(1, {1, 2, 3}, {1, 3}), wish(1, {1}), live({1, 2, 3})), IsrAnswer::invalid);
  EXPECT_FALSE(next);
}

TEST_F(ChangeIsr, WhatIsThereAlreadyIsAcceptedUnderANewVersionSoThatNothingOlderIsWrittenAfterIt) {
  const auto state = led(1, {1, 2}, {2, 1});
  EXPECT_EQ(ask(state, wish(1, {1, 2}), live({1, 2})), IsrAnswer::accepted);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->version, state.version + 1);
  EXPECT_EQ(next->isr, ids({1, 2}));
}

TEST_F(ChangeIsr, AnIsrThatIsTooSmallByLossMayGrowAgain) {
  EXPECT_EQ(ask(led(1, {1, 2, 3}, {1}), wish(1, {1, 2}), live({1, 2, 3}), 3), IsrAnswer::accepted);
  EXPECT_EQ(next->isr, ids({1, 2}));
}

TEST_F(ChangeIsr, AnOldEpochAVersionBehindAndAForeignAskerAreRefused) {
  const auto state = led(1, {1, 2}, {1});
  auto asked = wish(1, {1, 2});
  asked.epoch = LeaderEpoch(2);
  EXPECT_EQ(ask(state, asked, live({1, 2})), IsrAnswer::fenced_epoch);
  asked = wish(1, {1, 2});
  asked.epoch = LeaderEpoch(4);
  EXPECT_EQ(ask(state, asked, live({1, 2})), IsrAnswer::invalid);
  asked = wish(1, {1, 2});
  asked.version = 4;
  EXPECT_EQ(ask(state, asked, live({1, 2})), IsrAnswer::stale_version);
  EXPECT_EQ(ask(state, wish(2, {1, 2}), live({1, 2})), IsrAnswer::invalid);
  EXPECT_EQ(ask(state, wish(1, {2}), live({1, 2}), 1), IsrAnswer::invalid);
  EXPECT_EQ(ask(state, wish(1, {1, 7}), live({1, 2, 7})), IsrAnswer::invalid);
  EXPECT_FALSE(next);
}

TEST_F(ChangeIsr, ADeadBrokerOrAnOldIncarnationDoesNotJoin) {
  EXPECT_EQ(ask(led(1, {1, 2}, {1}), wish(1, {1, 2}), live({1})), IsrAnswer::ineligible);
  auto brokers = live({1, 2});
  brokers.live[BrokerId(2)] = 21;
  EXPECT_EQ(ask(led(1, {1, 2}, {1}), wish(1, {1, 2}), brokers), IsrAnswer::ineligible);
  // Who is a member stays one: a broker that came back with an empty disk was taken out when it joined.
  EXPECT_EQ(ask(led(1, {1, 2}, {1, 2}), wish(1, {1, 2}), brokers), IsrAnswer::accepted);
}

TEST_F(ChangeIsr, ADeadMemberThatTheMinimumHoldsDoesNotKeepOthersOut) {
  EXPECT_EQ(ask(led(1, {1, 2, 3}, {1, 2}), wish(1, {1, 2, 3}), live({1, 3})), IsrAnswer::accepted);
  EXPECT_EQ(ask(led(1, {1, 2, 3}, {1, 2}), wish(1, {1, 3}), live({1, 3})), IsrAnswer::accepted);
  EXPECT_EQ(next->isr, ids({1, 3}));
}

TEST(Move, ReplicasAreOldAndNewOnesUntilTheNewOnesAreInSync) {
  const auto begun = begin_move(led(1, {1, 2}, {1, 2}), ids({2, 3}));
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->replicas, ids({2, 3, 1}));
  EXPECT_EQ(begun->adding, ids({3}));
  EXPECT_EQ(begun->removing, ids({1}));
  EXPECT_EQ(begun->leader, BrokerId(1));
  EXPECT_FALSE(finish_move(*begun, live({1, 2, 3}), 1));
  auto caught_up = *begun;
  caught_up.isr = ids({1, 2, 3});
  const auto finished = finish_move(caught_up, live({1, 2, 3}), 2);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->replicas, ids({2, 3}));
  EXPECT_EQ(finished->isr, ids({2, 3}));
  EXPECT_EQ(finished->leader, BrokerId(2));
  EXPECT_EQ(finished->leader_epoch, LeaderEpoch(4));
  EXPECT_TRUE(finished->adding.empty() && finished->removing.empty());
}

TEST(Move, TheOldOnesStayWhileTheMinimumNeedsThem) {
  auto state = led(1, {2, 3, 1}, {1, 3});
  state.adding = ids({3});
  state.removing = ids({1});
  EXPECT_FALSE(finish_move(state, live({1, 2, 3}), 2));
  state.isr = ids({1, 2, 3});
  EXPECT_TRUE(finish_move(state, live({1, 2, 3}), 2));
}

TEST(Move, IsNotFinishedWhileNobodyOfTheRestCanTakeTheLead) {
  auto state = led(1, {2, 1}, {1, 2});
  state.adding = ids({2});
  state.removing = ids({1});
  EXPECT_FALSE(finish_move(state, live({1}), 1));
}

TEST(Move, ANewTargetReplacesTheMoveUnderWay) {
  auto state = *begin_move(led(1, {1, 2}, {1, 2}), ids({3, 4}));
  state.isr = ids({1, 2, 3});  // 3 has arrived, 4 has not
  const auto other = begin_move(state, ids({2, 5}));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->replicas, ids({2, 5, 3, 1}));
  EXPECT_EQ(other->adding, ids({5}));
  EXPECT_EQ(other->removing, ids({3, 1}));
}

TEST(Move, OnlyAnotherOrderIsDoneAtOnce) {
  const auto next = begin_move(led(1, {1, 2}, {1, 2}), ids({2, 1}));
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->adding.empty() && next->removing.empty());
  EXPECT_FALSE(begin_move(led(1, {1, 2}, {1, 2}), ids({1, 2})));
}

TEST(Move, CancelTakesTheNewOnesAwayAgain) {
  auto state = *begin_move(led(1, {1, 2}, {1, 2}), ids({3, 4}));
  state.isr = ids({1, 3});
  state.leader = BrokerId(3);
  state.leader_incarnation = 30;
  const auto next = cancel_move(state, live({1, 2, 3}), 1);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->replicas, ids({1, 2}));
  EXPECT_EQ(next->isr, ids({1}));
  EXPECT_EQ(next->leader, BrokerId(1));
  EXPECT_FALSE(cancel_move(state, live({1, 2, 3}), 2));  // one alone would be in sync
  state.isr = ids({3});
  EXPECT_FALSE(cancel_move(state, live({1, 2, 3}), 1));
}

TEST(MinInsync, IsWhatTheTopicSaysElseTheDefaultElseTwoOfThree) {
  Topic topic;
  topic.partitions = {led(1, {1, 2, 3}, {1})};
  EXPECT_EQ(min_insync(topic, {}), 2);
  topic.partitions[0].adding = ids({2, 3});
  EXPECT_EQ(min_insync(topic, {}), 1);
  topic.partitions[0].adding.clear();
  EXPECT_EQ(min_insync(topic, {{"min.insync.replicas", "1"}}), 1);
  topic.config["min.insync.replicas"] = "3";
  EXPECT_EQ(min_insync(topic, {{"min.insync.replicas", "1"}}), 3);
  topic.config["min.insync.replicas"] = "many";
  EXPECT_EQ(min_insync(topic, {}), 2);
}

// A store that was put back from a backup (docs/decisions/0015).

TEST(OlderStore, EpochsAreRaisedToTheClocksAtLeastAndTheOnesBeforeAreRemembered) {
  PartitionState state = led(1, {1, 2}, {1, 2});
  auto brokers = live({2});
  brokers.epoch_floor = LeaderEpoch(100);
  state = *after_change_of_brokers(state, brokers, 1);
  EXPECT_EQ(state.leader_epoch, LeaderEpoch(100));
  EXPECT_EQ(state.recent_epochs, std::vector{LeaderEpoch(3)});
  // The clock stands still, or went back.
  brokers = live({1, 2});
  brokers.epoch_floor = LeaderEpoch(50);
  state.isr = ids({1, 2});
  state = *elect_preferred(state, brokers);
  EXPECT_EQ(state.leader_epoch, LeaderEpoch(101));
  EXPECT_EQ(state.recent_epochs, (std::vector{LeaderEpoch(3), LeaderEpoch(100)}));
  for (int n = 0; n < 20; ++n) {
    auto again = live({1, 2});
    again.live[state.leader] += static_cast<uint64_t>(n) + 1;  // it started anew
    state = *after_change_of_brokers(state, again, 1);
  }
  EXPECT_EQ(state.recent_epochs.size(), kRecentEpochs);
}

TEST(OlderStore, TheClocksEpochHasBoundsAndLeavesEnoughToGoOnWith) {
  EXPECT_EQ(epoch_of_clock({0}), LeaderEpoch(0));
  EXPECT_EQ(epoch_of_clock({1577836800'000}), LeaderEpoch(0));
  EXPECT_EQ(epoch_of_clock({1577836801'999}), LeaderEpoch(1));
  EXPECT_EQ(epoch_of_clock({INT64_MAX}), LeaderEpoch(2'000'000'000));
}

TEST(OlderStore, ALeaderThatKnowsALaterVersionOfItsEpochIsBelievedAndTheVersionRises) {
  std::optional<PartitionState> next;
  auto asked = wish(1, {1, 2});
  asked.version = 9;
  EXPECT_EQ(change_isr(led(1, {1, 2, 3}, {1, 2, 3}), asked, live({1, 2, 3}), 2, next), IsrAnswer::accepted);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->version, 10);
  EXPECT_EQ(next->isr, ids({1, 2}));
  asked.asker = BrokerId(2);
  EXPECT_EQ(change_isr(led(1, {1, 2, 3}, {1, 2, 3}), asked, live({1, 2, 3}), 2, next), IsrAnswer::invalid);
}

TEST(OlderStore, AStateKnowsItsOwnEpochsAndNoneBetween) {
  PartitionState state = led(1, {1, 2}, {1, 2});
  EXPECT_TRUE(knows_epoch(state, LeaderEpoch(3)));
  EXPECT_TRUE(knows_epoch(state, LeaderEpoch(1))) << "of a build that remembered none";
  EXPECT_FALSE(knows_epoch(state, LeaderEpoch(4)));
  state.recent_epochs = {LeaderEpoch(10), LeaderEpoch(20)};
  state.leader_epoch = LeaderEpoch(30);
  for (const int epoch : {1, 10, 20, 30}) EXPECT_TRUE(knows_epoch(state, LeaderEpoch(epoch))) << epoch;
  for (const int epoch : {11, 19, 21, 29, 31}) {
    EXPECT_FALSE(knows_epoch(state, LeaderEpoch(epoch))) << epoch;
    EXPECT_TRUE(contradicts(state, LeaderEpoch(epoch))) << epoch;
  }
  state.unclean_epoch = LeaderEpoch(20);
  EXPECT_FALSE(contradicts(state, LeaderEpoch(19))) << "given up by an order";
  EXPECT_TRUE(contradicts(state, LeaderEpoch(21)));
}

TEST(OlderStore, ALaterLogLeavesThePartitionWithoutALeaderAboveItsEpoch) {
  const PartitionState state = led(1, {1, 2, 3}, {1, 2, 3});
  const auto next = after_contradiction(state, LeaderEpoch(7), live({1, 2, 3}));
  ASSERT_TRUE(next);
  EXPECT_TRUE(is_lost(*next));
  EXPECT_EQ(next->leader_epoch, LeaderEpoch(8));
  EXPECT_EQ(next->isr, state.isr);
  EXPECT_FALSE(after_contradiction(*next, LeaderEpoch(7), live({1, 2, 3}))) << "said again";
  EXPECT_FALSE(after_contradiction(state, LeaderEpoch(3), live({1}))) << "what the store knows";
  EXPECT_FALSE(after_contradiction(state, LeaderEpoch(INT32_MAX), live({1})));
  const auto more = after_contradiction(*next, LeaderEpoch(9), live({1, 2, 3}));
  ASSERT_TRUE(more);
  EXPECT_EQ(more->leader_epoch, LeaderEpoch(10));
}

TEST(OlderStore, AnOrderTakesTheLogThatGoesFurthestAndGivesTheOthersUp) {
  const auto waits = *after_contradiction(led(1, {1, 2}, {1, 2}), LeaderEpoch(7), live({1, 2, 3}));
  const Claims claims{{BrokerId(2), {LeaderEpoch(6), Offset(90)}},
                      {BrokerId(3), {LeaderEpoch(7), Offset(80)}}};
  auto next = elect_unclean(waits, live({1, 2, 3}), claims);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(3));
  EXPECT_EQ(next->replicas, ids({1, 2, 3})) << "it is a replica from now on";
  EXPECT_EQ(next->isr, ids({3}));
  EXPECT_FALSE(contradicts(*next, LeaderEpoch(7)));
  EXPECT_FALSE(contradicts(*next, LeaderEpoch(6)));
  next = elect_unclean(waits, live({1, 2}), claims);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(2)) << "the other one is dead";
  next = elect_unclean(waits, live({1}), claims);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->leader, BrokerId(1)) << "all that is there";
}

}  // namespace
}  // namespace godwit::cluster
