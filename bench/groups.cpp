// Consumer groups of a broker that dies: until each of them reads its committed offsets from its new manager.
//
//   bench_groups BROKERS TOPIC PARTITIONS GROUPS VICTIM PID
//
// BROKERS are all of the cluster, VICTIM is the address of the one that runs as process PID. Each of GROUPS groups that VICTIM
// manages commits an offset for every partition of TOPIC. Then the process is killed with -9, and the living brokers are asked, each
// on a connection of its own, which groups they manage by now and what those have committed, until all have answered. Prints one
// line of JSON; ends with 1 after 60 s, or where an offset is not the one that was committed.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "wire.h"

namespace {

using namespace bench::wire;
constexpr double kLimitMs = 60000;
constexpr size_t kCommitters = 32;
constexpr size_t kGroupsAtOnce = 1000;

// Groups of one partition of __consumer_offsets share their manager.
struct Partition {
  std::vector<std::string> groups;
  size_t answered = 0;   // of groups, from the first
  bool asked = false;    // by one of the threads
  double named_ms = -1;  // when a living broker named itself as their manager
};

struct Shared {
  std::mutex mutex;
  std::vector<Partition> partitions;
  std::vector<double> times;
  size_t left = 0;
  double start = 0;
  std::atomic<bool> wrong = false;
};

int64_t offset_of(size_t group, int32_t partition) {
  return static_cast<int64_t>(group * 100) + partition;
}
size_t number_of(const std::string& group) {
  return std::stoul(group.substr(group.rfind('-') + 1));
}

// As Kafka chooses it: by Java's hash of the name.
size_t partition_of(const std::string& group, size_t partitions) {
  uint32_t hash = 0;
  for (const char c : group) hash = hash * 31 + static_cast<uint8_t>(c);
  const auto as_int = static_cast<int32_t>(hash);
  return as_int == INT32_MIN ? 0 : static_cast<size_t>(std::abs(as_int)) % partitions;
}

std::string group_name(size_t number) {
  return "bench-group-" + std::to_string(number);
}

// GROUPS names that the victim manages, by partition.
bool choose(Shared& shared, const std::vector<Address>& brokers, const Address& victim, size_t groups) {
  Connection connection(brokers.front());
  std::optional<Leaders> leaders;
  for (const double start = now_ms(); now_ms() - start < kLimitMs;) {
    if (!connection.open(5000)) return false;
    // Looking for a manager makes the topic.
    connection.manager_of(group_name(0));
    leaders = connection.leaders("__consumer_offsets");
    if (leaders && !leaders->by_partition.empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (!leaders || leaders->by_partition.empty()) return false;
  const size_t count = leaders->by_partition.size();
  shared.partitions.resize(count);
  std::vector<bool> managed(count);
  for (const auto& [partition, leader] : leaders->by_partition) {
    const auto at = leaders->brokers.find(leader);
    managed[static_cast<size_t>(partition)] = at != leaders->brokers.end() && at->second.port == victim.port;
  }
  if (std::none_of(managed.begin(), managed.end(), [](bool one) { return one; })) return false;
  for (size_t number = 0; shared.left < groups; ++number) {
    const std::string name = group_name(number);
    const size_t partition = partition_of(name, count);
    if (!managed[partition]) continue;
    shared.partitions[partition].groups.push_back(name);
    ++shared.left;
  }
  return true;
}

void commit(const std::vector<std::string>& groups, std::atomic<size_t>& next, std::atomic<bool>& failed,
            const Address& manager, const std::string& topic, int32_t partitions) {
  Connection connection(manager);
  for (size_t i = next++; i < groups.size() && !failed; i = next++) {
    std::map<int32_t, int64_t> offsets;
    for (int32_t p = 0; p < partitions; ++p) offsets[p] = offset_of(number_of(groups[i]), p);
    const double start = now_ms();
    for (;;) {
      const bool done = connection.open(5000) && connection.commit(groups[i], topic, offsets) == 0;
      if (done) break;
      failed = failed || now_ms() - start > kLimitMs;
      if (failed) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

bool commit_all(const Shared& shared, const Address& victim, const std::string& topic, int32_t partitions) {
  std::vector<std::string> groups;
  for (const auto& partition : shared.partitions)
    groups.insert(groups.end(), partition.groups.begin(), partition.groups.end());
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kCommitters; ++i)
    threads.emplace_back([&] { commit(groups, next, failed, victim, topic, partitions); });
  for (auto& thread : threads) thread.join();
  return !failed;
}

// The groups of one partition, from a broker that says that it manages them. How many answered, in their order.
size_t fetch(Shared& shared, Connection& connection, const std::vector<std::string>& groups,
             const std::string& topic, int32_t partitions) {
  const auto found = connection.committed(groups, topic, partitions);
  if (!found) return 0;
  size_t answered = 0;
  for (const auto& group : groups) {
    const auto one = found->find(group);
    if (one == found->end() || one->second.error != 0) break;
    for (int32_t p = 0; p < partitions; ++p) {
      const auto offset = one->second.offsets.find(p);
      if (offset == one->second.offsets.end() || offset->second != offset_of(number_of(group), p))
        shared.wrong = true;
    }
    ++answered;
  }
  return answered;
}

void work(Shared& shared, const Address& broker, const std::string& topic, int32_t partitions) {
  Connection connection(broker);
  while (now_ms() - shared.start < kLimitMs && !shared.wrong) {
    bool progress = false;
    for (auto& partition : shared.partitions) {
      std::vector<std::string> groups;
      {
        const std::lock_guard lock(shared.mutex);
        if (shared.left == 0) return;
        if (partition.asked || partition.answered == partition.groups.size()) continue;
        partition.asked = true;
        const auto from = partition.groups.begin() + static_cast<ptrdiff_t>(partition.answered);
        const auto count = std::min(kGroupsAtOnce, partition.groups.size() - partition.answered);
        groups.assign(from, from + static_cast<ptrdiff_t>(count));
      }
      size_t answered = 0;
      bool named = false;
      double named_at = 0;
      if (connection.open(5000)) {
        const auto manager = connection.manager_of(groups.front());
        named = manager && manager->port == broker.port;
        named_at = now_ms() - shared.start;
        if (named) answered = fetch(shared, connection, groups, topic, partitions);
      }
      const double now = now_ms() - shared.start;
      const std::lock_guard lock(shared.mutex);
      partition.asked = false;
      if (named && partition.named_ms < 0) partition.named_ms = named_at;
      partition.answered += answered;
      shared.left -= answered;
      shared.times.insert(shared.times.end(), answered, now);
      progress = progress || answered > 0;
    }
    if (!progress) std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
}

int fail(const char* why) {
  std::fprintf(stderr, "bench_groups: %s\n", why);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: bench_groups BROKERS TOPIC PARTITIONS GROUPS VICTIM PID\n");
    return 2;
  }
  const auto brokers = addresses_of(argv[1]);
  const std::string topic = argv[2];
  const int32_t partitions = std::atoi(argv[3]);
  const auto groups = static_cast<size_t>(std::atol(argv[4]));
  const Address victim = addresses_of(argv[5]).front();
  Shared shared;
  if (!choose(shared, brokers, victim, groups)) return fail("the victim manages no groups");
  const double began = now_ms();
  if (!commit_all(shared, victim, topic, partitions)) return fail("a commit fails for 60 s");
  const double committed_s = (now_ms() - began) / 1000;
  shared.start = now_ms();
  if (::kill(std::atoi(argv[6]), SIGKILL) != 0) return fail("cannot kill");
  std::vector<std::thread> threads;
  for (const Address& broker : brokers) {
    if (broker.port == victim.port) continue;
    threads.emplace_back([&, broker] { work(shared, broker, topic, partitions); });
  }
  for (auto& thread : threads) thread.join();
  if (shared.wrong) return fail("a group has not what it committed");
  if (shared.left > 0) return fail("groups are not answered after 60 s");
  double named_ms = 0;
  for (const auto& partition : shared.partitions) named_ms = std::max(named_ms, partition.named_ms);
  std::sort(shared.times.begin(), shared.times.end());
  std::printf(
      "{\"commit_s\": %.1f, \"named_ms\": %.1f, \"first_ms\": %.1f, \"p50_ms\": %.1f, \"last_ms\": %.1f}\n",
      committed_s, named_ms, shared.times.front(), shared.times[shared.times.size() / 2],
      shared.times.back());
  return 0;
}
