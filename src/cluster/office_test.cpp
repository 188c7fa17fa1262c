// Taking the office of controller while the store answers late or not at all.
#include <gtest/gtest.h>

#include "cluster/cluster_world_testing.h"
#include "cluster/counter.h"
#include "cluster/feature_level.h"
#include "cluster/stored.h"

namespace godwit::cluster {
namespace {

using coordination::Coordination;
using coordination::Lease;
using coordination::Transaction;
using runtime::Task;

// What happens between a broker and its store to the transaction that takes the office, and to what the broker reads next.
struct Hitch {
  bool unheard = false;  // the next one is carried out, and its answer is lost
  bool taken = false;    // that happened: reads of the fence wait from now on
  bool reading = false;  // one does
  bool read_on = false;
};

class HitchedLease final : public Lease {
 public:
  HitchedLease(std::unique_ptr<Lease> inner, Hitch& hitch) : inner_(std::move(inner)), hitch_(hitch) {}
  Duration timeout() const override { return inner_->timeout(); }
  MonotonicTime valid_until() const override { return inner_->valid_until(); }
  void keep_alive_while(std::function<bool()> healthy) override {
    inner_->keep_alive_while(std::move(healthy));
  }
  Task<Result<void>> commit(Transaction transaction) override {
    const bool takes = std::ranges::any_of(transaction.writes,
                                           [](const auto& write) { return write.key == keys::kController; });
    auto done = co_await inner_->commit(std::move(transaction));
    if (!takes || !done || !std::exchange(hitch_.unheard, false)) co_return done;
    hitch_.taken = true;
    co_return fail(ErrorKind::timed_out, "no answer");
  }
  Task<Result<void>> lost() override { return inner_->lost(); }
  Task<Result<void>> revoke() override { return inner_->revoke(); }

 private:
  std::unique_ptr<Lease> inner_;
  Hitch& hitch_;
};

class HitchedStore final : public Coordination {
 public:
  HitchedStore(std::unique_ptr<Coordination> inner, Hitch& hitch) : inner_(std::move(inner)), hitch_(hitch) {}
  Task<Result<std::optional<coordination::KeyValue>>> get(std::string key) override {
    while (key == keys::kFence && hitch_.taken && !hitch_.read_on) {
      hitch_.reading = true;
      co_await runtime::sleep_for(1ms);
    }
    co_return co_await inner_->get(std::move(key));
  }
  Task<Result<std::vector<coordination::KeyValue>>> list(std::string prefix) override {
    return inner_->list(std::move(prefix));
  }
  Task<Result<void>> commit(Transaction transaction) override {
    return inner_->commit(std::move(transaction));
  }
  Task<Result<std::unique_ptr<Lease>>> grant(Duration timeout) override {
    auto granted = co_await inner_->grant(timeout);
    if (!granted) co_return fail(granted.error());
    co_return std::unique_ptr<Lease>(std::make_unique<HitchedLease>(std::move(*granted), hitch_));
  }
  std::unique_ptr<coordination::Watch> watch(std::string prefix) override {
    return inner_->watch(std::move(prefix));
  }
  Task<void> close() override { return inner_->close(); }

 private:
  std::unique_ptr<Coordination> inner_;
  Hitch& hitch_;
};

// Broker 2 is real, broker 3 is played.
TEST(OfficeTest, WhoDoesNotHearThatItTookTheOfficeDoesNotOverthrowWhoTookItNext) {
  Hitch hitch{.unheard = true};
  ClusterWorld cluster(7, &Controller::open);
  cluster.store_seen_through = [&](ClusterWorld::Store store) {
    return std::make_unique<HitchedStore>(std::move(store), hitch);
  };
  cluster.start(2);
  ASSERT_TRUE(cluster.wait([&] { return hitch.reading; })) << "it looks whether it has the office";

  StoredOffice office;
  office.broker = BrokerId(3);
  office.incarnation = 1;
  office.fence = 2;
  Transaction next;
  next.put(std::string(keys::kFence), stored_bytes(StoredCounter{office.fence}, kFirstLevel))
      .put(std::string(keys::kController), stored_bytes(office, kFirstLevel));
  ASSERT_TRUE(cluster.server.change(next));
  cluster.world.run_for(500ms);  // its watch tells of it
  hitch.read_on = true;
  cluster.world.run_for(5s);

  const auto held = cluster.server.keys().get(keys::kController);
  ASSERT_TRUE(held);
  EXPECT_EQ(to_holder(*held)->id, BrokerId(3));
  EXPECT_FALSE(cluster.told("controller.taken"));
}

}  // namespace
}  // namespace godwit::cluster
