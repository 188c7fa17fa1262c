// What goes wrong with one broker of a ClusterStage for a while, and is mended again.
//
//   Injury injury(stage, Fault::mute, 2);
//   injury.inflict();
//   stage.world.run_for(700ms);
//   injury.mend();                            // the broker is as whole as it was, or starts again
#pragma once

#include "broker/cluster_stage_testing.h"

namespace godwit::broker {

enum class Fault : uint8_t {
  kill,           // kill -9
  power_cut,      // what was not synced is anybody's guess
  sleep,          // SIGSTOP
  cut_off,        // from the other brokers; clients and the store reach it
  unplugged,      // from everybody
  mute,           // what it sends is lost, what is sent to it comes
  deaf,           // the other way round
  slow_disk,      // a sync takes up to 400 ms
  hanging_disk,   // writes and syncs do not end
  full_disk,      // there is room for less than is kept free
  failing_disk,   // one sync fails: it needs a new start
  without_store,  // the others have it
  store_gone,     // for all
};

inline std::string to_string(Fault fault) {
  static constexpr const char* kNames[] = {"is killed",
                                           "loses its power",
                                           "sleeps",
                                           "is cut off from the brokers",
                                           "is cut off from all",
                                           "is not heard",
                                           "hears nobody",
                                           "has a slow disk",
                                           "has a hanging disk",
                                           "has a full disk",
                                           "has a bad disk",
                                           "does not reach the store",
                                           "has, as all, no store"};
  return kNames[static_cast<size_t>(fault)];
}

// Whether there must be a process for it to happen to; the others wait for the next start.
inline bool needs_process(Fault fault) {
  return fault == Fault::kill || fault == Fault::power_cut || fault == Fault::sleep;
}

class Injury {
 public:
  // So that a disk can be full: what brokers keep free, before they start.
  static void prepare(ClusterStage& stage) {
    stage.adjust = [](BrokerOptions& options) {
      options.store.reserve_bytes = kReserve;
      options.store.journal_file_bytes = 256 << 10;  // a start is cheaper so
    };
  }

  Injury(ClusterStage& stage, Fault fault, int broker) : stage_(stage), fault_(fault), broker_(broker) {}

  void inflict() {
    auto& network = stage_.world.network();
    auto& disk = node().disk();
    switch (fault_) {
      case Fault::kill:
        return node().crash(CrashKind::kill);
      case Fault::power_cut:
        return node().crash(CrashKind::power_cut);
      case Fault::sleep:
        return node().pause();
      case Fault::cut_off:
        return network.cut({name()}, other_brokers());
      case Fault::unplugged:
        network.isolate(name());
        return stage_.server.cut(name());
      case Fault::mute:
        return network.cut_one_way({name()}, others());
      case Fault::deaf:
        return network.cut_one_way(others(), {name()});
      case Fault::slow_disk:
        disk.options().sync = {100ms, 400ms};
        return;
      case Fault::hanging_disk:
        return disk.stall({.kinds = {runtime::sim::OpKind::write, runtime::sim::OpKind::sync}});
      case Fault::full_disk:
        return disk.set_capacity(disk.used() + kReserve / 2);
      case Fault::failing_disk:
        return disk.fail_next({.kinds = {runtime::sim::OpKind::sync}}, ErrorKind::io);
      case Fault::without_store:
        return stage_.server.cut(name());
      case Fault::store_gone:
        return stage_.server.stop();
    }
  }
  void mend() {
    auto& network = stage_.world.network();
    auto& disk = node().disk();
    switch (fault_) {
      case Fault::kill:
      case Fault::power_cut:
        if (!node().alive()) stage_.start(broker_);
        return;
      case Fault::sleep:
        return node().resume();
      case Fault::cut_off:
      case Fault::mute:
      case Fault::deaf:
        return network.heal({name()}, others());
      case Fault::unplugged:
        network.heal({name()}, others());
        return stage_.server.heal(name());
      case Fault::slow_disk:
        disk.options().sync = runtime::sim::DiskOptions().sync;
        return;
      case Fault::hanging_disk:
        return disk.release();
      case Fault::full_disk:
        return disk.set_capacity(0);
      case Fault::failing_disk:
        disk.clear_faults();
        if (!node().alive()) return;
        node().crash(CrashKind::kill);
        return stage_.start(broker_);
      case Fault::without_store:
        return stage_.server.heal(name());
      case Fault::store_gone:
        return stage_.server.start(leases_);
    }
  }
  // What becomes of leases when a store that was gone is back.
  void set_leases(coordination::MemoryServer::Leases leases) { leases_ = leases; }

 private:
  static constexpr uint64_t kReserve = 2 << 20;
  runtime::sim::Node& node() { return stage_.node(broker_); }
  std::string name() { return node().name(); }
  runtime::sim::NodeNames other_brokers() {
    runtime::sim::NodeNames all;
    for (int i = 1; i <= stage_.count; ++i)
      if (i != broker_) all.push_back(stage_.node(i).name());
    return all;
  }
  runtime::sim::NodeNames others() {
    auto all = other_brokers();
    all.push_back(stage_.client.name());
    return all;
  }

  ClusterStage& stage_;
  Fault fault_;
  int broker_;
  coordination::MemoryServer::Leases leases_ = coordination::MemoryServer::Leases::expired;
};

}  // namespace godwit::broker
