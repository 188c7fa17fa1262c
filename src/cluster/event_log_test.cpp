#include "cluster/event_log.h"

#include <gtest/gtest.h>

#include <set>

#include "cluster/fenced_store.h"
#include "cluster/stored_control.h"

namespace godwit::cluster {
namespace {

constexpr WallTime kNow{1'700'000'000'000};

PartitionState led_by(int leader, int epoch) {
  PartitionState state;
  state.replicas = {BrokerId(1), BrokerId(2), BrokerId(3)};
  state.isr = leader == 1 ? state.replicas : std::vector{BrokerId(2), BrokerId(3)};
  state.leader = BrokerId(leader);
  state.leader_epoch = LeaderEpoch(epoch);
  return state;
}

Decision about(std::string what) {
  return {.about = std::move(what), .change = from_to("a", "b"), .why = "c"};
}

// One topic, all of whose partitions change.
struct Elections {
  Elections(std::string name, int partitions) {
    auto topic = std::make_shared<Topic>();
    topic->id = Uuid::from_random({std::byte{1}, std::byte{2}});
    topic->name = std::move(name);
    topic->partitions.assign(static_cast<size_t>(partitions), led_by(1, 3));
    image.put(topic);
    for (int i = 0; i < partitions; ++i) {
      changes.add(image, {topic->id, PartitionIndex(i)}, led_by(1, 3), led_by(2, 4));
    }
  }
  Image image;
  ChangeList changes;
};

// A log, and what its drafts leave in the store.
class Events : public testing::Test {
 protected:
  void write(EventLog& log) {
    Draft draft(image);
    log.flush(draft);
    for (const auto& transaction : draft.states()) {
      size_t bytes = 0;
      for (const auto& write : transaction) {
        bytes += write.key.size() + (write.value ? write.value->size() : 0);
        if (write.value) {
          store[write.key] = *write.value;
        } else {
          EXPECT_EQ(store.erase(write.key), 1u) << write.key;
        }
      }
      EXPECT_LE(bytes, FencedStore::kBytesMax);
      EXPECT_LE(transaction.size(), FencedStore::kWritesMax);
    }
    EXPECT_TRUE(draft.orders().empty());
    log.tell();
  }
  EventLog reloaded() {
    std::vector<coordination::KeyValue> entries;
    for (const auto& [key, value] : store) entries.push_back({key, value, 1});
    EventLog log(BrokerId(2), sink);
    log.load(entries);
    return log;
  }
  size_t stored_bytes() const {
    size_t bytes = 0;
    for (const auto& [key, value] : store) bytes += value.size();
    return bytes;
  }
  static size_t count(const EventLog& log, const std::string& what) {
    const auto all = log.newest(SIZE_MAX);
    return static_cast<size_t>(std::ranges::count(all, what, &EventLog::Event::what));
  }

  Image image;
  RecordingSink sink;
  std::map<std::string, Bytes> store;
};

TEST_F(Events, EveryPartitionOfALongListIsNamedOnceInEventsOfBoundedSize) {
  for (const int partitions : {1, 10, 11, 40, 1'200}) {
    store.clear();
    const Elections elections("orders", partitions);
    EventLog log(BrokerId(1), sink);
    log.note(EventKind::leaders_moved, "broker 1 is dead", elections.changes, kNow);
    write(log);
    const EventLog later = reloaded();
    EXPECT_EQ(later.newest(10'000), log.newest(10'000));
    std::string all;
    for (const auto& event : log.newest(10'000)) {
      EXPECT_EQ(event.what, "leaders.moved");
      EXPECT_TRUE(event.detail.starts_with("broker 1 is dead")) << event.detail;
      EXPECT_LE(event.detail.size(), EventLog::kDetailMax);
      all += event.detail + "; ";
    }
    for (int i = 0; i < partitions; ++i) {
      const std::string change =
          "orders-" + std::to_string(i) + ": leader 1 -> 2, epoch 3 -> 4, isr [1,2,3] -> [2,3]; ";
      const size_t at = all.find(change);
      ASSERT_NE(at, std::string::npos) << change;
      EXPECT_EQ(all.find(change, at + 1), std::string::npos) << change;
    }
    EXPECT_EQ(all.find("more"), std::string::npos);
  }
}

TEST_F(Events, TheDiagnosticOfALongListIsOneAndShort) {
  const Elections elections(std::string(249, 'x'), 1'000);
  EventLog log(BrokerId(1), sink);
  log.note(EventKind::leaders_moved, "why", elections.changes, kNow);
  write(log);
  ASSERT_EQ(sink.events.size(), 1u);
  const std::string text = sink.events[0].text;
  EXPECT_TRUE(text.ends_with("; and 990 more")) << text;
  EXPECT_LT(text.size(), 4'000u);
  EXPECT_GT(log.newest(1'000).size(), 40u);
  EXPECT_NE(log.newest(1).front().detail.find("-999: leader"), std::string::npos);
  EXPECT_TRUE(log.newest(1).front().detail.starts_with("why (part ")) << log.newest(1).front().detail;
}

TEST_F(Events, AListThatIsLongerThanAllThatIsKeptSaysHowManyItLeavesOut) {
  const Elections elections("orders", 30'000);
  EventLog log(BrokerId(1), sink);
  log.note(EventKind::leaders_moved, "why", elections.changes, kNow);
  write(log);
  const auto events = log.newest(10'000);
  EXPECT_NE(events.front().detail.find(": orders-0: leader"), std::string::npos) << events.front().detail;
  const std::string& last = events.back().detail;
  const size_t at = last.find("; and ");
  ASSERT_NE(at, std::string::npos) << last;
  EXPECT_TRUE(last.ends_with(" more, which are too many to be written down")) << last;
  const int left_out = std::stoi(last.substr(at + 6));
  EXPECT_GT(left_out, 10'000);
  EXPECT_LT(left_out, 18'000);
  EXPECT_NE(last.find("orders-" + std::to_string(30'000 - left_out - 1) + ": leader"), std::string::npos);
}

TEST_F(Events, WhatComesOftenPushesNothingElseOut) {
  EventLog log(BrokerId(1), sink);
  log.note(EventKind::election_unclean, about("orders-3"), kNow);
  log.note(EventKind::topic_deleted, about("orders"), kNow);
  write(log);
  for (int i = 0; i < 5'000; ++i) {
    log.note(EventKind::isr_changed, about(std::to_string(i)), kNow);
    write(log);
  }
  EXPECT_EQ(count(log, "election.unclean"), 1u);
  EXPECT_EQ(count(log, "topic.deleted"), 1u);
  EXPECT_EQ(count(log, "isr.changed"), EventLog::kKept);
  EXPECT_EQ(store.size(), EventLog::kKept + 2);
  for (int i = 0; i < 5'000; ++i) {
    log.note(EventKind::topic_created, about(std::to_string(i)), kNow);
    write(log);
  }
  EXPECT_EQ(count(log, "election.unclean"), 1u);
  EXPECT_EQ(count(log, "topic.deleted"), 0u);
  EXPECT_EQ(count(log, "isr.changed"), EventLog::kKept);
  EXPECT_EQ(log.newest(1).front().detail, "4999: a -> b (c)");
  // The next controller knows how grave each is.
  EventLog later = reloaded();
  EXPECT_EQ(later.newest(10'000), log.newest(10'000));
  for (int i = 0; i < 2'000; ++i) {
    later.note(EventKind::topic_created, about("later"), kNow);
    later.note(EventKind::isr_changed, about("later"), kNow);
  }
  write(later);
  EXPECT_EQ(count(later, "election.unclean"), 1u);
  const auto all = later.newest(10'000);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &EventLog::Event::sequence));
  EXPECT_EQ(all.front().what, "election.unclean");
  EXPECT_EQ(all.back().sequence, 2 + 5'000 + 5'000 + 4'000);
}

TEST_F(Events, GraveOnesAreBoundedTooAndTheNewestStay) {
  EventLog log(BrokerId(1), sink);
  for (int i = 0; i < 1'700; ++i) {
    log.note(EventKind::broker_dead, about(std::to_string(i)), kNow);
    if (i % 7 == 0) write(log);
  }
  write(log);
  EXPECT_LE(count(log, "broker.dead"), EventLog::kKept);
  EXPECT_GT(count(log, "broker.dead"), EventLog::kKept - 50);
  EXPECT_EQ(log.newest(1).front().detail, "1699: a -> b (c)");
  EXPECT_EQ(reloaded().newest(10'000), log.newest(10'000));
}

TEST_F(Events, TheirBytesAreBoundedInTheStoreAndForThoseWhoAsk) {
  EventLog log(BrokerId(1), sink);
  for (int i = 0; i < 900; ++i) {
    for (const EventKind kind : {EventKind::topic_created, EventKind::election_unclean}) {
      log.note(kind, {std::to_string(i), std::string(20'000, 'x'), std::string(20'000, 'y')}, kNow);
    }
    if (i % 50 != 0) continue;  // many at once, too
    write(log);
    EXPECT_LE(stored_bytes(), 2 * EventLog::kBytesKept + 100'000) << i;
  }
  write(log);
  const auto all = log.newest(10'000);
  size_t bytes = 0;
  for (const auto& event : all) bytes += event.what.size() + event.detail.size();
  EXPECT_LE(bytes, 2 * EventLog::kBytesKept);
  EXPECT_GT(bytes, 2 * EventLog::kBytesKept - 300'000);
  EXPECT_LE(stored_bytes(), 2 * EventLog::kBytesKept);
  EXPECT_EQ(reloaded().newest(10'000), all);
}

// Whichever part of it is too long.
TEST_F(Events, ADecisionIsBoundedAndSaysAllThreeThings) {
  const std::string torn = std::string(6'499, 'x') + "ä" + std::string(9'000, 'x');
  for (const Decision& decision :
       {Decision{torn, "a -> b", "why"}, Decision{"about", torn, "why"}, Decision{"about", "a -> b", torn}}) {
    EventLog log(BrokerId(1), sink);
    log.note(EventKind::topic_configured, decision, kNow);
    write(log);
    const std::string detail = log.newest(1).front().detail;
    EXPECT_LE(detail.size(), EventLog::kDetailMax);
    EXPECT_TRUE(detail.starts_with(decision.about.substr(0, 5))) << detail;
    EXPECT_NE(detail.find(": " + decision.change.substr(0, 5)), std::string::npos) << detail;
    EXPECT_NE(detail.find(" (" + decision.why.substr(0, 3)), std::string::npos) << detail;
    EXPECT_TRUE(detail.ends_with(")")) << detail;
    EXPECT_NE(detail.find("x…"), std::string::npos) << "no character is torn";
    EXPECT_EQ(reloaded().newest(1).front().detail, detail);
    store.clear();
  }
}

TEST_F(Events, NothingIsReadBeforeItHappened) {
  EventLog log(BrokerId(1), sink);
  log.note(EventKind::topic_created, about("a"), kNow);
  write(log);
  log.note(EventKind::topic_created, about("b"), kNow);
  EXPECT_EQ(log.newest(10).size(), 1u);
  Draft draft(image);
  log.flush(draft);
  EXPECT_EQ(log.newest(10).size(), 1u) << "it may not get into the store";
  EXPECT_EQ(sink.events.size(), 1u);
  log.tell();
  EXPECT_EQ(log.newest(10).size(), 2u);
}

// Of builds that put events of several weights into one entry, and said of none how grave it was.
TEST_F(Events, EntriesOfABuildBeforeAreReadAndGoOnFrom) {
  StoredEvents stored;
  stored.controller = BrokerId(7);
  stored.events.push_back({1, "broker.joined", "broker 1"});
  stored.events.push_back({2, "isr.changed", "t-0"});
  store[keys::events(41)] = *codec::encode_versioned(stored, int16_t{0});
  store["/events/nothing"] = *codec::encode_versioned(stored, int16_t{0});
  EventLog log = reloaded();
  EXPECT_EQ(sink.events.size(), 1u);
  ASSERT_EQ(log.newest(10).size(), 2u);
  EXPECT_EQ(log.newest(1).front().sequence, 42);
  EXPECT_EQ(log.controller_before(), BrokerId(7));
  EXPECT_EQ(log.newest(1).front().controller, BrokerId(7));
  log.note(EventKind::topic_created, about("a"), kNow);
  write(log);
  EXPECT_EQ(log.newest(1).front().sequence, 43);
}

}  // namespace
}  // namespace godwit::cluster
