// The etcd that the demo's brokers need: one beside them all, or, managed, a member beside each (which outlives its broker
// by design, so that the demo must look after it).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "coordination/address.h"
#include "runtime/process.h"
#include "runtime/runtime.h"

namespace godwit::app::demo {

// What starts a single etcd; `folder` is its own.
std::vector<std::string> single_etcd(uint16_t client_port, uint16_t peer_port, const std::string& folder);

// The managed members of brokers 1, 2, …, by the folders of their brokers.
class EtcdMembers {
 public:
  // `data_dirs`: absolute, the first is broker 1's. The first seven at most, and an odd number, get a member each.
  EtcdMembers(runtime::Runtime& runtime, runtime::Processes& processes, std::vector<std::string> data_dirs)
      : runtime_(runtime), processes_(processes), data_dirs_(std::move(data_dirs)) {}

  // Where the members are: as `file` has it from an earlier run, for a member's place is part of what it agreed to; else two
  // free ports for each, which `file` then keeps. Errors of Network::listen and FileSystem::open; invalid where the file
  // makes no sense, or is of another number of brokers.
  runtime::Task<Result<void>> find_places(std::string file);
  // What the brokers are told: managed-etcd://1@…
  std::string address() const { return to_string(coordination::Address(places_)); }
  // Whether this broker's member leads the others, as it says itself; false where it does not answer at once.
  runtime::Task<bool> leads(size_t broker);
  // SIGKILL, if it runs. Whether there was one.
  bool kill(size_t broker);
  // Ends those that are left, and waits until they are gone.
  runtime::Task<void> end_all();

 private:
  size_t members() const;
  runtime::Task<Result<void>> load(std::string file);

  runtime::Runtime& runtime_;
  runtime::Processes& processes_;
  const std::vector<std::string> data_dirs_;
  coordination::ManagedEtcdAddress places_;
};

// The words that only the member of the broker with this (absolute) folder has in its command line.
std::vector<std::string> words_of_member(const std::string& data_dir);

}  // namespace godwit::app::demo
