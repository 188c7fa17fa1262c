#include "cluster/image_wire.h"

#include <gtest/gtest.h>

#include <random>

namespace godwit::cluster {
namespace {

// Images and changes of images out of a seed.
class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  int below(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }

  std::vector<BrokerId> some_brokers() {
    std::vector<BrokerId> out;
    for (int id = 0; id < 5; ++id) {
      if (below(2) == 0) out.push_back(BrokerId(id));
    }
    return out;
  }

  PartitionState partition() {
    PartitionState state;
    state.version = below(1000);
    state.leader = BrokerId(below(6) - 1);
    state.leader_incarnation = below(4) == 0 ? UINT64_MAX : static_cast<uint64_t>(below(100));
    state.leader_epoch = LeaderEpoch(below(50));
    state.replicas = some_brokers();
    state.replicas.push_back(BrokerId(5));
    state.isr = some_brokers();
    state.adding = some_brokers();
    state.removing = some_brokers();
    return state;
  }

  BrokerInfo broker(BrokerId id) {
    BrokerInfo info;
    info.id = id;
    info.incarnation = static_cast<uint64_t>(below(100));
    info.rack = below(2) == 0 ? "" : "r" + std::to_string(below(3));
    info.draining = below(2) == 0;
    info.listeners["PLAINTEXT"] = {"h" + std::to_string(below(9)), static_cast<uint16_t>(below(65536))};
    return info;
  }

  void change_topic(Image& image) {
    const std::string name = "t" + std::to_string(below(6));
    const Topic* const present = image.find(name);
    if (present != nullptr && below(4) == 0) return image.remove(*present);
    auto topic = present != nullptr && below(6) != 0 ? std::make_shared<Topic>(*present) : fresh(name);
    if (present != nullptr && topic->id != present->id) image.remove(*present);  // deleted and made again
    for (int grow = below(3); grow > 0 || topic->partitions.empty(); --grow) {
      topic->partitions.push_back(partition());
    }
    if (below(2) == 0)
      topic->partitions[static_cast<size_t>(below(static_cast<int>(topic->partitions.size())))] = partition();
    if (below(3) == 0) topic->config["k" + std::to_string(below(3))] = std::to_string(below(9));
    image.put(std::move(topic));
  }

  Image change(const Image& before) {
    Image after = before;
    after.version.sequence += 1 + below(3);
    after.controller = BrokerId(below(5));
    for (int i = below(5); i > 0; --i) {
      const BrokerId id(below(5));
      if (below(3) == 0) {
        after.brokers.erase(id);
      } else {
        after.brokers[id] = broker(id);
      }
    }
    for (int i = below(5); i > 0; --i) change_topic(after);
    const BrokerId configured(below(4) - 1);
    if (below(3) == 0) {
      after.broker_configs.erase(configured);
    } else {
      after.broker_configs[configured]["x"] = std::to_string(below(9));
    }
    return after;
  }

 private:
  std::shared_ptr<Topic> fresh(const std::string& name) {
    auto topic = std::make_shared<Topic>();
    std::array<std::byte, 16> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::byte>(below(256));
    topic->id = Uuid::from_random(bytes);
    topic->name = name;
    return topic;
  }
  std::mt19937 random_;
};

void expect_same(const Image& a, const Image& b) {
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.cluster_id, b.cluster_id);
  EXPECT_EQ(a.controller, b.controller);
  EXPECT_EQ(a.brokers, b.brokers);
  EXPECT_EQ(a.broker_configs, b.broker_configs);
  ASSERT_EQ(a.topics().size(), b.topics().size());
  for (const auto& [name, topic] : a.topics()) {
    const Topic* const other = b.find(name);
    ASSERT_NE(other, nullptr) << name;
    EXPECT_EQ(*topic, *other);
    EXPECT_EQ(b.find(topic->id), other);
  }
}

// Through bytes, as on the connection.
kafka::ClusterPollResponse sent(const kafka::ClusterPollResponse& news) {
  const auto bytes = codec::encode(news, 0);
  EXPECT_TRUE(bytes);
  codec::Input in(SharedBytes::own(bytes->flatten()));
  auto received = codec::decode<kafka::ClusterPollResponse>(in, 0);
  EXPECT_TRUE(received);
  return std::move(*received);
}

TEST(ImageWire, DifferencesAndWholeImagesGiveTheSameImage) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Maker maker(seed);
    Image image;
    image.cluster_id = "c";
    image.version = {3, 0};
    Image copy = *apply({}, sent(full(image)));
    Image behind = image;  // of a broker that asks only now and then
    for (int step = 0; step < 25; ++step) {
      const Image next = maker.change(image);
      auto followed = apply(copy, sent(difference(image, next)));
      ASSERT_TRUE(followed) << followed.error().describe();
      expect_same(*followed, next);
      auto whole = apply(behind, sent(full(next)));
      ASSERT_TRUE(whole) << whole.error().describe();
      expect_same(*whole, next);
      if (step % 5 == 0) {
        auto caught_up = apply(behind, sent(difference(behind, next)));
        ASSERT_TRUE(caught_up) << caught_up.error().describe();
        expect_same(*caught_up, next);
        behind = next;
      }
      copy = std::move(*followed);
      image = next;
    }
  }
}

TEST(ImageWire, ADifferenceNamesOnlyThePartitionsThatDiffer) {
  Maker maker(1);
  Image before;
  auto topic = std::make_shared<Topic>();
  topic->id.bytes[0] = std::byte{1};
  topic->name = "wide";
  for (int i = 0; i < 100; ++i) topic->partitions.push_back(maker.partition());
  before.put(topic);
  auto other = std::make_shared<Topic>(*topic);
  other->id.bytes[0] = std::byte{2};
  other->name = "other";
  before.put(other);
  Image after = before;
  auto changed = std::make_shared<Topic>(*topic);
  changed->partitions[42].version += 1;
  after.put(changed);
  const auto news = difference(before, after);
  EXPECT_TRUE(news.topics.empty());
  ASSERT_EQ(news.partitions.size(), 1u);
  ASSERT_EQ(news.partitions[0].changed.size(), 1u);
  EXPECT_EQ(news.partitions[0].changed[0].index, PartitionIndex(42));
  // What is not spoken of stays the same object.
  EXPECT_EQ(apply(before, news)->find("other"), other.get());
}

class HostileNews : public testing::Test {
 protected:
  HostileNews() {
    Maker maker(2);
    auto topic = std::make_shared<Topic>();
    topic->id.bytes[0] = std::byte{1};
    topic->name = "t";
    topic->partitions = {maker.partition(), maker.partition()};
    image.put(topic);
    id = topic->id;
    described.index = PartitionIndex(2);
    described.leader_epoch = LeaderEpoch(0);
    described.replicas = {BrokerId(1)};
    news.fence = 1;
  }
  void expect_corrupt() {
    const auto applied = apply(image, news);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().kind, ErrorKind::corrupt);
  }
  Image image;
  TopicId id;
  TopicId unknown{{std::byte{9}}};
  kafka::ClusterPollResponse::Partition described;
  kafka::ClusterPollResponse news;
};

TEST_F(HostileNews, PartitionsOfATopicThatNobodyNamed) {
  news.partitions.push_back({unknown, {described}});
  expect_corrupt();
}

TEST_F(HostileNews, APartitionBeyondTheCount) {
  news.partitions.push_back({id, {described}});
  expect_corrupt();
  news.partitions[0].changed[0].index = PartitionIndex(-1);
  expect_corrupt();
}

TEST_F(HostileNews, ACountThatNobodyDescribes) {
  news.topics.push_back({id, "t", INT32_MAX, {}});
  expect_corrupt();
  news.topics[0].partitions = 3;
  expect_corrupt();
  news.partitions.push_back({id, {described}});
  EXPECT_TRUE(apply(image, news));
  news.topics[0].partitions = 4;
  news.partitions[0].changed.push_back(described);  // the same one twice
  expect_corrupt();
}

TEST_F(HostileNews, FewerPartitionsThanThereAre) {
  for (const int32_t count : {1, 0, -1}) {
    news.topics = {{id, "t", count, {}}};
    expect_corrupt();
  }
}

TEST_F(HostileNews, ANewTopicWithoutAllOfItsPartitions) {
  news.topics.push_back({unknown, "u", 3, {}});
  expect_corrupt();
  news.partitions.push_back({unknown, {described, described, described}});
  expect_corrupt();
}

TEST_F(HostileNews, TwoTopicsOfOneName) {
  described.index = PartitionIndex(0);
  news.partitions.push_back({unknown, {described}});
  news.topics.push_back({unknown, "t", 1, {}});
  expect_corrupt();
  news.topics[0].name = "u";
  news.topics.push_back({id, "u", 2, {}});
  expect_corrupt();
}

TEST_F(HostileNews, ATopicThatIsRenamedOrHasAnImpossibleName) {
  for (const std::string name : {"other", "", "a/b"}) {
    news.topics = {{id, name, 2, {}}};
    expect_corrupt();
  }
}

TEST_F(HostileNews, APartitionWithoutReplicas) {
  described.index = PartitionIndex(0);
  described.replicas.clear();
  news.partitions.push_back({id, {described}});
  expect_corrupt();
}

TEST_F(HostileNews, WhatGoesWithoutHavingBeenThere) {
  news.topics_gone = {unknown};
  expect_corrupt();
  news.topics_gone.clear();
  news.brokers_gone = {BrokerId(4)};
  expect_corrupt();
}

TEST_F(HostileNews, AnAddressThatIsNone) {
  kafka::ClusterPollResponse::Broker broker;
  broker.id = BrokerId(1);
  broker.listeners = {{"PLAINTEXT", "h", 70'000}};
  news.brokers = {broker};
  expect_corrupt();
  broker.listeners.clear();
  broker.id = BrokerId(-1);
  news.brokers = {broker};
  expect_corrupt();
}

}  // namespace
}  // namespace godwit::cluster
