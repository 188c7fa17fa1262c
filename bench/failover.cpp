// Publishes on three paths at once while brokers are killed, and measures how long each was held up.
//
//   bench_failover BROKERS PREFIX PARTITIONS RATE
//
// The topics PREFIX-raw, PREFIX-rdkafka and PREFIX-client exist. The paths:
//   raw      a connection to each broker, on which Produce with acks=all goes out every few milliseconds whoever leads: the
//            time until a leader takes a write, without any client's patience. One partition at a time.
//   rdkafka  a librdkafka producer with its defaults, RATE messages a second to each partition
//   client   the same by godwit's client with its defaults
//
// Commands on standard input, a line of JSON for each on standard output:
//   target PARTITION                                the raw path writes here; answered once it had something acknowledged, and
//                                                   the others did in every partition
//   blow SIGNAL PIDS PARTITION WINDOW_MS LIMIT_MS PATHS   sends SIGNAL to each of PIDS and measures the gaps of PARTITION;
//                                                   waits for PATHS. Both with commas in between
//   finish                                          ends the load, reads everything back, and counts
//
// A gap is the longest time between two acknowledgements of the partition, one after the other. Measuring begins before the first
// signal is sent, and ends when something that was sent after the last one is acknowledged on PATHS and WINDOW_MS have passed since
// then, at most LIMIT_MS.
#include <librdkafka/rdkafka.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>
#include <unordered_map>

#include "godwit/client.h"
#include "wire.h"

// The macros of rdkafka.h are expressions of GNU's.
#pragma clang diagnostic ignored "-Wgnu-statement-expression-from-macro-expansion"

namespace {

using namespace bench::wire;
using std::chrono::milliseconds;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_failover: %s\n", why.c_str());
  std::_Exit(1);
}

// What one path was told, for the gap and for the count at the end.
class Ledger {
 public:
  Ledger(std::string name, size_t partitions) : name_(std::move(name)), partitions_(partitions) {}
  const std::string& name() const { return name_; }

  uint64_t next_id() { return ++ids_; }
  void acknowledged(int32_t partition, int64_t offset, uint64_t id, double sent) {
    const double now = now_ms();
    const std::lock_guard lock(mutex_);
    Partition& at = partitions_[static_cast<size_t>(partition)];
    at.acknowledged.emplace(offset, id);
    at.longest = std::max(at.longest, now - at.last);
    at.last = now;
    if (sent >= at.since) at.through = true;
  }
  void failed(const std::string& why) {
    if (failed_++ == 0) std::fprintf(stderr, "bench_failover: %s: %s\n", name_.c_str(), why.c_str());
  }

  // From now on gaps are measured anew.
  void begin(int32_t partition) {
    const std::lock_guard lock(mutex_);
    Partition& at = partitions_[static_cast<size_t>(partition)];
    at.since = now_ms();
    at.longest = 0;
    at.through = false;
  }
  // The blow was struck: only what is sent from now on shows that there is somebody who takes it. What was measured since begin()
  // stays: a gap may have ended before this was said.
  void struck(int32_t partition) {
    const std::lock_guard lock(mutex_);
    Partition& at = partitions_[static_cast<size_t>(partition)];
    at.since = now_ms();
    at.through = false;
  }
  bool through(int32_t partition) {
    const std::lock_guard lock(mutex_);
    return partitions_[static_cast<size_t>(partition)].through;
  }
  double gap(int32_t partition) {
    const std::lock_guard lock(mutex_);
    const Partition& at = partitions_[static_cast<size_t>(partition)];
    return std::max(at.longest, now_ms() - at.last);
  }

  struct Count {
    size_t acknowledged = 0;
    size_t lost = 0;
    size_t repeated = 0;
  };
  // `found`: for each partition the id of each record, by offset.
  Count count(const std::vector<std::unordered_map<int64_t, uint64_t>>& found) {
    Count counted;
    std::unordered_map<uint64_t, int> times;
    for (size_t i = 0; i < partitions_.size(); ++i) {
      for (const auto& [offset, id] : partitions_[i].acknowledged) {
        const auto there = found[i].find(offset);
        ++counted.acknowledged;
        counted.lost += there == found[i].end() || there->second != id;
      }
      for (const auto& [offset, id] : found[i]) counted.repeated += ++times[id] > 1;
    }
    return counted;
  }
  size_t failures() const { return failed_; }

 private:
  struct Partition {
    std::unordered_multimap<int64_t, uint64_t> acknowledged;
    double last = now_ms();
    double since = 0;
    double longest = 0;
    bool through = true;
  };
  const std::string name_;
  std::mutex mutex_;
  std::vector<Partition> partitions_;
  std::atomic<uint64_t> ids_{0};
  std::atomic<size_t> failed_{0};
};

// What stands in each record.
struct Mark {
  uint64_t id = 0;
  double sent = 0;
};
std::string text_of(const Mark& mark) {
  return {reinterpret_cast<const char*>(&mark), sizeof mark};
}

struct Load {
  std::string brokers;
  std::string prefix;
  int32_t partitions = 0;
  double rate = 0;
  std::atomic<bool> running{true};
  std::atomic<int32_t> target{0};

  std::string topic(const Ledger& ledger) const { return prefix + "-" + ledger.name(); }
  // Calls `send` for each partition in turn, RATE times a second each, until the load ends.
  template <class Send>
  void pace(Send send) {
    const double every = 1000.0 / rate / partitions;
    double due = now_ms();
    for (int64_t i = 0; running; ++i, due += every) {
      while (running && now_ms() < due)
        std::this_thread::sleep_for(
            std::chrono::duration<double, std::milli>(std::min(due - now_ms(), 50.0)));
      // What was missed while this thread was held up is not sent in one heap.
      if (now_ms() - due > 100) due = now_ms();
      send(static_cast<int32_t>(i % partitions));
    }
  }
};

void probe(Load& load, Ledger& ledger, const Address& broker) {
  Connection connection(broker);
  const std::string topic = load.topic(ledger);
  while (load.running) {
    const int32_t partition = load.target;
    if (connection.open(20000)) {
      const Mark mark{ledger.next_id(), now_ms()};
      const auto written = connection.produce(topic, {{partition, batch_of(text_of(mark))}});
      if (written) {
        const Written& one = written->at(partition);
        if (one.error == 0) ledger.acknowledged(partition, one.offset, mark.id, mark.sent);
      }
    }
    std::this_thread::sleep_for(milliseconds(3));
  }
}

rd_kafka_t* make_rdkafka(rd_kafka_type_t type,
                         const std::vector<std::pair<const char*, std::string>>& settings, void* opaque) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char error[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) die(error);
  }
  rd_kafka_conf_set_opaque(conf, opaque);
  rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  if (type == RD_KAFKA_PRODUCER) {
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* to) {
      auto& ledger = *static_cast<Ledger*>(to);
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return ledger.failed(rd_kafka_err2str(message->err));
      Mark mark;
      std::memcpy(&mark, message->payload, sizeof mark);
      ledger.acknowledged(message->partition, message->offset, mark.id, mark.sent);
    });
  }
  rd_kafka_t* const rk = rd_kafka_new(type, conf, error, sizeof error);
  if (rk == nullptr) die(error);
  return rk;
}

class RdkafkaPath {
 public:
  RdkafkaPath(Load& load, Ledger& ledger)
      : load_(load),
        ledger_(ledger),
        rk_(make_rdkafka(RD_KAFKA_PRODUCER, {{"bootstrap.servers", load.brokers}}, &ledger)) {}
  RdkafkaPath(const RdkafkaPath&) = delete;
  RdkafkaPath& operator=(const RdkafkaPath&) = delete;
  ~RdkafkaPath() { rd_kafka_destroy(rk_); }

  void run() {
    std::atomic<bool> polling{true};
    std::thread poller([&] {
      while (polling) rd_kafka_poll(rk_, 20);
    });
    const std::string topic = load_.topic(ledger_);
    load_.pace([&](int32_t partition) {
      std::string text = text_of({ledger_.next_id(), now_ms()});
      if (rd_kafka_producev(rk_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                            RD_KAFKA_V_VALUE(text.data(), text.size()),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                            RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
        ledger_.failed("its queue is full");
    });
    rd_kafka_flush(rk_, 60000);
    polling = false;
    poller.join();
    if (rd_kafka_outq_len(rk_) > 0) ledger_.failed("not everything was sent in the end");
  }

 private:
  Load& load_;
  Ledger& ledger_;
  rd_kafka_t* const rk_;
};

void run_client(Load& load, Ledger& ledger) {
  auto made = godwit::client::Client::make({.brokers = load.brokers});
  if (!made) die(made.error().message);
  const std::string topic = load.topic(ledger);
  load.pace([&](int32_t partition) {
    const Mark mark{ledger.next_id(), now_ms()};
    const auto taken =
        (*made)->write_async(topic, {.value = text_of(mark), .partition = partition},
                             [&ledger, mark](godwit::client::Result<godwit::client::Written> written) {
                               if (!written) return ledger.failed(written.error().message);
                               ledger.acknowledged(written->partition, written->offset, mark.id, mark.sent);
                             });
    if (!taken) ledger.failed(taken.error().message);
  });
  if (const auto flushed = (*made)->flush(milliseconds(60000)); !flushed)
    ledger.failed(flushed.error().message);
}

std::vector<std::unordered_map<int64_t, uint64_t>> read_back(const Load& load, const std::string& topic) {
  rd_kafka_t* const rk = make_rdkafka(RD_KAFKA_CONSUMER,
                                      {{"bootstrap.servers", load.brokers},
                                       {"group.id", "bench"},
                                       {"enable.auto.commit", "false"},
                                       {"enable.partition.eof", "true"}},
                                      nullptr);
  rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(load.partitions);
  for (int32_t i = 0; i < load.partitions; ++i)
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  if (const auto error = rd_kafka_assign(rk, list)) die(rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_destroy(list);
  std::vector<std::unordered_map<int64_t, uint64_t>> found(static_cast<size_t>(load.partitions));
  std::vector<bool> ended(found.size());
  const double deadline = now_ms() + 120000;
  while (!std::ranges::all_of(ended, [](bool end) { return end; })) {
    if (now_ms() > deadline) die("what was published could not be read back in 120 s");
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(rk, 100);
    if (message == nullptr) continue;
    const auto partition = static_cast<size_t>(message->partition);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ended[partition] = true;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->len == sizeof(Mark)) {
      Mark mark;
      std::memcpy(&mark, message->payload, sizeof mark);
      found[partition][message->offset] = mark.id;
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  return found;
}

using Ledgers = std::vector<std::unique_ptr<Ledger>>;

// Until something that was sent after begin() is acknowledged on each of `paths`; gives those where nothing was.
std::string wait_through(const Ledgers& ledgers, const std::string& paths, int32_t partition, double until) {
  for (;;) {
    std::string stuck;
    for (const auto& ledger : ledgers) {
      if (paths.find(ledger->name()) != std::string::npos && !ledger->through(partition))
        stuck += " " + ledger->name();
    }
    if (stuck.empty() || now_ms() > until) return stuck;
    std::this_thread::sleep_for(milliseconds(2));
  }
}

constexpr const char* kAllPaths = "raw,rdkafka,client";

// A client that has not found back yet to a broker that died the last time would be measured for that.
void aim(Load& load, const Ledgers& ledgers, int32_t partition) {
  load.target = partition;
  for (int32_t i = 0; i < load.partitions; ++i) {
    for (const auto& ledger : ledgers) ledger->begin(i);
  }
  const double until = now_ms() + 90000;
  for (int32_t i = 0; i < load.partitions; ++i) {
    const std::string stuck = wait_through(ledgers, i == partition ? kAllPaths : "rdkafka,client", i, until);
    if (!stuck.empty()) die("nothing is acknowledged before the blow, on" + stuck);
  }
  std::printf("{}\n");
}

void blow(const Ledgers& ledgers, std::istream& words) {
  int number = 0;
  std::string pids;
  int32_t partition = 0;
  double window = 0;
  double limit = 0;
  std::string paths;
  if (!(words >> number >> pids >> partition >> window >> limit >> paths))
    die("blow SIGNAL PIDS PARTITION WINDOW_MS LIMIT_MS PATHS");
  std::vector<pid_t> victims;
  std::istringstream list(pids);
  for (std::string pid; std::getline(list, pid, ',');) victims.push_back(std::atoi(pid.c_str()));
  for (const auto& ledger : ledgers) ledger->begin(partition);
  for (const pid_t pid : victims) {
    if (pid <= 1 || ::kill(pid, number) != 0) die("there is no process " + std::to_string(pid));
  }
  // This thread may be held up between begin() and the last kill(), and the old leader acknowledges meanwhile.
  const double start = now_ms();
  for (const auto& ledger : ledgers) ledger->struck(partition);
  (void)wait_through(ledgers, paths, partition, start + limit);
  while (now_ms() < start + window) std::this_thread::sleep_for(milliseconds(2));
  std::string line;
  for (const auto& ledger : ledgers) {
    char text[96];
    std::snprintf(text, sizeof text, "%s\"%s\": %.1f", line.empty() ? "{" : ", ", ledger->name().c_str(),
                  ledger->gap(partition));
    line += text;
  }
  std::printf("%s}\n", line.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: bench_failover BROKERS PREFIX PARTITIONS RATE: see bench/failover.cpp\n");
    return 2;
  }
  Load load;
  load.brokers = argv[1];
  load.prefix = argv[2];
  load.partitions = std::atoi(argv[3]);
  load.rate = std::atof(argv[4]);
  if (load.partitions <= 0 || load.rate <= 0) die("PARTITIONS and RATE are above 0");
  Ledgers ledgers;
  for (const char* name : {"raw", "rdkafka", "client"})
    ledgers.push_back(std::make_unique<Ledger>(name, static_cast<size_t>(load.partitions)));
  RdkafkaPath rdkafka(load, *ledgers[1]);
  std::vector<std::thread> threads;
  for (const Address& broker : addresses_of(load.brokers))
    threads.emplace_back([&, broker] { probe(load, *ledgers[0], broker); });
  threads.emplace_back([&] { rdkafka.run(); });
  threads.emplace_back([&] { run_client(load, *ledgers[2]); });
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "target") {
      int32_t partition = -1;
      words >> partition;
      if (partition < 0 || partition >= load.partitions) die("there is no such partition");
      aim(load, ledgers, partition);
    } else if (command == "blow") {
      blow(ledgers, words);
    } else if (command == "finish") {
      load.running = false;
      for (auto& thread : threads) thread.join();
      threads.clear();
      std::printf("{");
      for (size_t i = 0; i < ledgers.size(); ++i) {
        const Ledger::Count counted = ledgers[i]->count(read_back(load, load.topic(*ledgers[i])));
        std::printf("%s\"%s\": {\"acknowledged\": %zu, \"lost\": %zu, \"repeated\": %zu, \"failed\": %zu}",
                    i > 0 ? ", " : "", ledgers[i]->name().c_str(), counted.acknowledged, counted.lost,
                    counted.repeated, ledgers[i]->failures());
      }
      std::printf("}\n");
    } else {
      die("unknown: " + line);
    }
    std::fflush(stdout);
    if (command == "finish") return 0;
  }
  // Whoever gave the commands is gone.
  std::_Exit(1);
}
