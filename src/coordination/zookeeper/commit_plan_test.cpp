#include <gmock/gmock.h>

#include "coordination/zookeeper/commit.h"

namespace godwit::coordination::zookeeper {
namespace {

using testing::ElementsAre;

constexpr int64_t kMine = 7;
constexpr int64_t kOthers = 8;
const KeyLayout kLayout("/r");

// A little language: "set /k@3" sets the node of key /k at counter 3; "any" stands for no counter.
std::vector<std::string> words(const std::vector<Operation>& operations) {
  std::vector<std::string> out;
  for (const auto& operation : operations) {
    static const char* const kKinds[] = {"create", "lease", "set", "remove", "check"};
    std::string path = operation.path;
    for (const char* key : {"/t/a", "/t/b"}) {
      if (path == kLayout.key(key)) path = key;
      if (path == kLayout.lease_marker(key)) path = std::string("mark ") + key;
    }
    const bool versioned = operation.kind == Operation::Kind::set ||
                           operation.kind == Operation::Kind::remove ||
                           operation.kind == Operation::Kind::check;
    out.push_back(std::string(kKinds[static_cast<int>(operation.kind)]) + " " + path +
                  (!versioned              ? ""
                   : operation.version < 0 ? "@any"
                                           : "@" + std::to_string(operation.version)));
  }
  return out;
}

NodeStat node(int64_t zxid, int32_t version, int64_t owner = 0) {
  return {.created_zxid = 1, .changed_zxid = zxid, .owner = owner, .version = version};
}

Seen seen(std::optional<NodeStat> a, std::optional<NodeStat> b = std::nullopt) {
  return {.groups = {{"/t/", node(0, 5)}}, .keys = {{"/t/a", a}, {"/t/b", b}}};
}

std::vector<std::string> planned(const Transaction& transaction, const Seen& what) {
  const auto operations = plan(transaction, what, kLayout, kMine);
  if (!operations) return {operations.error().describe()};
  return words(*operations);
}

const std::string kCheckCreated = "check /r/created/+t+@5";
const std::string kSetCreated = "set /r/created/+t+@5";
const std::string kTell = "set /r/changes/+t+@any";

TEST(CommitPlan, AChangeIsCheckedByTheNodesCounterAndThatNothingWasCreated) {
  EXPECT_THAT(planned(Transaction().require("/t/a", 90).put("/t/a", {}), seen(node(90, 3))),
              ElementsAre(kCheckCreated, "set /t/a@3", kTell));
}

TEST(CommitPlan, AConditionOnWhatIsNotWrittenIsChecked) {
  EXPECT_THAT(planned(Transaction().require("/t/a", 90).put("/t/b", {}), seen(node(90, 3), node(80, 2))),
              ElementsAre(kCheckCreated, "check /t/a@3", "set /t/b@any", kTell));
  EXPECT_THAT(planned(Transaction().require("/t/a", 90), seen(node(90, 3))),
              ElementsAre(kCheckCreated, "check /t/a@3"));
}

TEST(CommitPlan, ThatAKeyIsAbsentHoldsWhileNothingIsCreated) {
  EXPECT_THAT(planned(Transaction().require("/t/a", kAbsent).put("/t/b", {}), seen({}, node(80, 2))),
              ElementsAre(kCheckCreated, "set /t/b@any", kTell));
}

TEST(CommitPlan, AConditionThatDoesNotHoldIsAConflict) {
  for (const Version wanted : {Version{kAbsent}, Version{89}, Version{3}}) {
    EXPECT_EQ(plan(Transaction().require("/t/a", wanted), seen(node(90, 3)), kLayout, kMine).error().kind,
              ErrorKind::conflict);
  }
  EXPECT_EQ(plan(Transaction().require("/t/a", 90), seen({}), kLayout, kMine).error().kind,
            ErrorKind::conflict);
}

TEST(CommitPlan, ACreationIsSeenByEveryOtherChangeOfTheGroup) {
  EXPECT_THAT(planned(Transaction().put("/t/a", {}), seen({})),
              ElementsAre(kSetCreated, "create /t/a", kTell));
}

TEST(CommitPlan, ARemovalOfNothingIsNothingAndStillChecked) {
  EXPECT_THAT(planned(Transaction().remove("/t/a"), seen({})), ElementsAre(kCheckCreated));
  EXPECT_THAT(planned(Transaction().remove("/t/a"), seen(node(90, 3))),
              ElementsAre(kCheckCreated, "remove /t/a@any", kTell));
}

TEST(CommitPlan, ALeasedKeyHasAMarkerThatGoesWithIt) {
  EXPECT_THAT(planned(Transaction().put_leased("/t/a", {}), seen({})),
              ElementsAre(kSetCreated, "lease /t/a", "lease mark /t/a", kTell));
  EXPECT_THAT(planned(Transaction().put_leased("/t/a", {}), seen(node(90, 3, kMine))),
              ElementsAre(kCheckCreated, "set /t/a@any", kTell));
  EXPECT_THAT(planned(Transaction().remove("/t/a"), seen(node(90, 3, kOthers))),
              ElementsAre(kCheckCreated, "remove /t/a@any", "remove mark /t/a@any", kTell));
}

TEST(CommitPlan, AKeyThatChangesItsHolderIsMadeAnew) {
  EXPECT_THAT(planned(Transaction().require("/t/a", 90).put_leased("/t/a", {}), seen(node(90, 3, kOthers))),
              ElementsAre(kSetCreated, "remove /t/a@3", "remove mark /t/a@any", "lease /t/a",
                          "lease mark /t/a", kTell));
  EXPECT_THAT(planned(Transaction().put_leased("/t/a", {}), seen(node(90, 3))),
              ElementsAre(kSetCreated, "remove /t/a@any", "lease /t/a", "lease mark /t/a", kTell));
  EXPECT_THAT(planned(Transaction().put("/t/a", {}), seen(node(90, 3, kMine))),
              ElementsAre(kSetCreated, "remove /t/a@any", "remove mark /t/a@any", "create /t/a", kTell));
}

}  // namespace
}  // namespace godwit::coordination::zookeeper
