// Two members of a group: what one of them had says nothing once the other had it.
#include "client/mock_cluster_testing.h"

namespace godwit::client {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kSoon = 60s;

// The brokers of this process let a rebalance wait for as long as a session lasts.
const Options kOptions{.session_timeout = 5s, .properties = {{"heartbeat.interval.ms", "200"}}};

// A member, what it holds, and what it was given so far.
class Member {
 public:
  explicit Member(Client& client) {
    auto made = client.open_reader({.topics = {"orders"},
                                    .group = "billing",
                                    .on_assigned = [this](const auto& mine) { held_ = mine; }});
    EXPECT_TRUE(made) << made.error().message;
    reader_ = std::move(made).value();
  }
  Reader& reader() const { return *reader_; }
  // Whether anything came in time.
  bool reads(std::chrono::milliseconds wait = 50ms) {
    auto records = reader_->read(100, wait);
    EXPECT_TRUE(records) << records.error().message;
    for (auto& record : *records) values_.push_back(std::move(*record.value));
    return !records->empty();
  }
  const std::vector<TopicPartition>& held() const { return held_; }
  const std::vector<std::string>& values() const { return values_; }

 private:
  std::vector<TopicPartition> held_;
  std::vector<std::string> values_;
  std::unique_ptr<Reader> reader_;
};

// Lets the members read until that is so.
template <class Condition>
bool reading(const std::vector<Member*>& members, Condition condition) {
  const auto until = Clock::now() + kSoon;
  while (!condition()) {
    if (Clock::now() > until) return false;
    for (Member* member : members) (void)member->reads();
  }
  return true;
}

void write(Client& client, const std::string& value, int32_t partition) {
  const auto written = client.write("orders", {.value = value, .partition = partition});
  ASSERT_TRUE(written) << written.error().message;
}

// A topic of two partitions; one member has both, until a second comes.
class TwoMembers : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.create("orders", 2);
    client_ = cluster_.client(kOptions);
    write(*client_, "moves 0", 0);
    write(*client_, "moves 0", 1);
    first_.emplace(*client_);
    ASSERT_TRUE(
        reading({&*first_}, [this] { return first_->values().size() == 2 && first_->reader().at_end(); }));
    ASSERT_TRUE(first_->reader().commit());
    second_.emplace(*client_);
    ASSERT_TRUE(reading({&*first_, &*second_},
                        [this] { return first_->held().size() == 1 && second_->held().size() == 1; }));
    stays_ = first_->held().front().partition;
    moves_ = second_->held().front().partition;
    ASSERT_NE(stays_, moves_);
  }

  MockCluster cluster_{1};
  std::unique_ptr<Client> client_;
  std::optional<Member> first_;
  std::optional<Member> second_;
  // The partition that the first keeps, and the one that goes to the second.
  int32_t stays_ = -1;
  int32_t moves_ = -1;
};

TEST_F(TwoMembers, OneThatGetsAPartitionBackDoesNotTakeTheGroupBackWithIt) {
  write(*client_, "moves 1", moves_);
  ASSERT_TRUE(reading({&*first_, &*second_}, [this] { return !second_->values().empty(); }));
  EXPECT_EQ(second_->values(), std::vector<std::string>{"moves 1"});
  ASSERT_TRUE(second_->reader().commit());
  second_->reader().close();
  ASSERT_TRUE(reading({&*first_}, [this] { return first_->held().size() == 2; }));
  write(*client_, "stays 1", stays_);
  ASSERT_TRUE(reading({&*first_}, [this] { return first_->values().size() == 3; }));
  ASSERT_TRUE(first_->reader().commit()) << "of the partition that it read, and of no other";
  first_->reader().close();

  write(*client_, "moves 2", moves_);
  Member third(*client_);
  ASSERT_TRUE(reading({&third}, [&] { return third.reader().at_end(); }));
  EXPECT_EQ(third.values(), std::vector<std::string>{"moves 2"}) << "what the second committed stays so";
}

TEST_F(TwoMembers, OneThatGetsAPartitionBackIsNotAtItsEndBeforeItLooked) {
  ASSERT_TRUE(reading({&*first_, &*second_},
                      [this] { return first_->reader().at_end() && second_->reader().at_end(); }));
  second_->reader().close();
  write(*client_, "moves 1", moves_);
  // Where the group goes on is not known at once: no look is long enough for the record to come with the partition.
  cluster_.answers(MockCluster::kOffsetFetch, {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS});
  const auto until = Clock::now() + kSoon;
  while (first_->held().size() != 2 && Clock::now() < until) (void)first_->reads(1ms);
  while ((first_->reads(1ms) || !first_->reader().at_end()) && Clock::now() < until) {
  }
  EXPECT_EQ(first_->values(), (std::vector<std::string>{"moves 0", "moves 0", "moves 1"}));
}

TEST(GroupReader, IsLetInWhereNothingIsLeftToRead) {
  MockCluster cluster(1);
  cluster.create("orders");
  const auto client = cluster.client(kOptions);
  Member one(*client);
  Member other(*client);
  EXPECT_FALSE(one.reader().reached());
  ASSERT_TRUE(reading({&one, &other}, [&] {
    return one.reader().reached() && other.reader().reached() && one.held().size() + other.held().size() == 1;
  }));
  const Member& idle = one.held().empty() ? one : other;
  EXPECT_FALSE(idle.reader().at_end()) << "the end of nothing";
}

TEST(GroupReader, WhomNobodyAnswersSaysSo) {
  auto options = kOptions;
  options.brokers = "127.0.0.1:1";
  const auto client = Client::make(options);
  ASSERT_TRUE(client);
  const auto reader = (*client)->open_reader({.topics = {"orders"}, .group = "billing"});
  ASSERT_TRUE(reader);
  const auto records = (*reader)->read(1, 200ms);
  ASSERT_TRUE(records) << "it goes on trying";
  EXPECT_TRUE(records->empty());
  EXPECT_FALSE((*reader)->reached());
}

}  // namespace
}  // namespace godwit::client
