// Until every partition of a topic takes writes.
//
//   bench_accept BROKERS TOPIC PARTITIONS [PID]   with PID: kills that process with -9 first, and asks the other brokers
//
// BROKERS are those that are to be asked, all of which live. Each is asked, on a connection of its own, which partitions it
// leads, and one record is written with acks=all to each of these that has not acknowledged one yet, and so on until none is
// left. Prints one line of JSON; ends with 1 after 60 s.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "wire.h"

namespace {

using namespace bench::wire;
constexpr double kLimitMs = 60000;
constexpr size_t kBatchesMax = 250;

struct Shared {
  std::mutex mutex;
  std::set<int32_t> left;
  std::vector<double> times;
  double start = 0;
};

void work(Shared& shared, const Address& broker, const std::string& topic) {
  Connection connection(broker);
  const std::string batch = batch_of("accepted?");
  while (now_ms() - shared.start < kLimitMs) {
    {
      const std::lock_guard lock(shared.mutex);
      if (shared.left.empty()) return;
    }
    const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(3)); };
    if (!connection.open(5000)) {
      pause();
      continue;
    }
    const auto leaders = connection.leaders(topic);
    if (!leaders) continue;
    std::map<int32_t, std::string> batches;
    {
      const std::lock_guard lock(shared.mutex);
      for (const int32_t partition : shared.left) {
        const auto leader = leaders->by_partition.find(partition);
        if (leader == leaders->by_partition.end() || leader->second < 0) continue;
        const auto at = leaders->brokers.find(leader->second);
        if (at != leaders->brokers.end() && at->second.port == broker.port) batches[partition] = batch;
        if (batches.size() == kBatchesMax) break;
      }
    }
    if (batches.empty()) {
      pause();
      continue;
    }
    const auto written = connection.produce(topic, batches);
    if (!written) continue;
    const double now = now_ms();
    const std::lock_guard lock(shared.mutex);
    for (const auto& [partition, one] : *written) {
      if (one.error == 0 && shared.left.erase(partition) > 0) shared.times.push_back(now - shared.start);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: bench_accept BROKERS TOPIC PARTITIONS [PID]\n");
    return 2;
  }
  Shared shared;
  for (int32_t i = 0; i < std::atoi(argv[3]); ++i) shared.left.insert(i);
  shared.start = now_ms();
  if (argc == 5 && ::kill(std::atoi(argv[4]), SIGKILL) != 0) {
    std::perror("bench_accept: kill");
    return 1;
  }
  std::vector<std::thread> threads;
  for (const Address& broker : addresses_of(argv[1]))
    threads.emplace_back([&shared, broker, &argv] { work(shared, broker, argv[2]); });
  for (auto& thread : threads) thread.join();
  if (!shared.left.empty()) {
    std::fprintf(stderr, "bench_accept: %zu partitions take nothing after 60 s\n", shared.left.size());
    return 1;
  }
  std::sort(shared.times.begin(), shared.times.end());
  std::printf("{\"first_ms\": %.1f, \"p50_ms\": %.1f, \"last_ms\": %.1f}\n", shared.times.front(),
              shared.times[shared.times.size() / 2], shared.times.back());
  return 0;
}
