// The load of `make bench`: librdkafka, since it is what users have.
//
//   bench_load create  BROKERS TOPIC PARTITIONS [name=value…]      settings; replication.factor is 1 where it is not said
//   bench_load produce BROKERS TOPIC PARTITIONS TOTAL_BYTES        1 KiB records, linger 5 ms, batches <= 1 MB, acks all
//   bench_load consume BROKERS TOPIC PARTITIONS TOTAL_BYTES        from the beginning, without a group
//   bench_load tail    BROKERS TOPIC PARTITIONS TOTAL_BYTES        produces, and reads it as it comes: producer and consumer here
//   bench_load single  BROKERS TOPIC SECONDS                       one record in flight
//   bench_load paced   BROKERS TOPIC SECONDS RATE                  one by one (linger 0), end to end: producer and consumer here
//   bench_load steady  BROKERS TOPIC PARTITIONS RATE               the same without the consumer, until standard input ends; at
//                                                                  each line there: from sent to acknowledged since the last
//
// Prints one line of JSON. Records are incompressible.
#include <librdkafka/rdkafka.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kRecord = 1024;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
double now_us() {
  return std::chrono::duration<double, std::micro>(Clock::now().time_since_epoch()).count();
}

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_load: %s\n", why.c_str());
  std::exit(1);
}

using Settings = std::map<std::string, std::string>;

struct Handle {
  rd_kafka_t* rk = nullptr;
  ~Handle() {
    if (rk != nullptr) rd_kafka_destroy(rk);
  }
};

// Returns at `due` or some microseconds later. Sleeps all the time: a load that waits in a loop takes the processor from the
// brokers that it measures.
void sleep_until(double due) {
  thread_local const int slack = ::prctl(PR_SET_TIMERSLACK, 1UL);  // nanoseconds; 50 us by default
  (void)slack;
  const double left = due - now_us();
  if (left > 0) std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(left));
}

std::atomic<int64_t> delivered{0};
std::atomic<int64_t> delivery_errors{0};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (delivery_errors++ == 0)
      std::fprintf(stderr, "bench_load: delivery: %s\n", rd_kafka_err2str(message->err));
  }
  ++delivered;
}

rd_kafka_t* make(rd_kafka_type_t type, const std::string& brokers, const Settings& settings) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char error[512];
  Settings all = settings;
  all["bootstrap.servers"] = brokers;
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK)
      die(error);
  }
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t* const rk = rd_kafka_new(type, conf, error, sizeof error);
  if (rk == nullptr) die(error);
  return rk;
}

std::vector<char> random_bytes(size_t size) {
  std::mt19937_64 random(42);
  std::vector<char> bytes(size);
  for (auto& b : bytes) b = static_cast<char>(random());
  return bytes;
}

void wait_delivered(rd_kafka_t* rk, int64_t count) {
  while (delivered.load() < count) rd_kafka_poll(rk, 100);
  if (delivery_errors.load() > 0) die(std::to_string(delivery_errors.load()) + " records were not delivered");
}

int create(const std::string& brokers, const std::string& topic, int partitions, const Settings& settings) {
  const Handle admin{make(RD_KAFKA_PRODUCER, brokers, {})};
  char error[512];
  const auto replicas = settings.find("replication.factor");
  rd_kafka_NewTopic_t* wish = rd_kafka_NewTopic_new(
      topic.c_str(), partitions, replicas == settings.end() ? 1 : std::atoi(replicas->second.c_str()), error,
      sizeof error);
  if (wish == nullptr) die(error);
  for (const auto& [name, value] : settings) {
    if (name != "replication.factor") rd_kafka_NewTopic_set_config(wish, name.c_str(), value.c_str());
  }
  rd_kafka_queue_t* const queue = rd_kafka_queue_new(admin.rk);
  rd_kafka_CreateTopics(admin.rk, &wish, 1, nullptr, queue);
  rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, 60000);
  if (event == nullptr) die("no answer to CreateTopics");
  size_t count = 0;
  const auto* const result = rd_kafka_event_CreateTopics_result(event);
  if (result == nullptr) die(rd_kafka_event_error_string(event));
  const auto** const topics = rd_kafka_CreateTopics_result_topics(result, &count);
  for (size_t i = 0; i < count; ++i) {
    if (rd_kafka_topic_result_error(topics[i]) != RD_KAFKA_RESP_ERR_NO_ERROR)
      die(rd_kafka_topic_result_error_string(topics[i]));
  }
  rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(wish);
  return 0;
}

void enqueue(rd_kafka_t* rk, const std::string& topic, int partition, const char* bytes, size_t size) {
  for (;;) {
    const auto error = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                                         RD_KAFKA_V_VALUE(const_cast<char*>(bytes), size),
                                         RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) die(rd_kafka_err2str(error));
    rd_kafka_poll(rk, 10);
  }
}

rd_kafka_t* make_producer(const std::string& brokers) {
  return make(RD_KAFKA_PRODUCER, brokers,
              {{"linger.ms", "5"},
               {"batch.size", "1000000"},
               {"batch.num.messages", "10000"},
               {"message.max.bytes", "2000000"},
               {"queue.buffering.max.messages", "200000"},
               {"queue.buffering.max.kbytes", "262144"},
               {"acks", "all"}});
}

int produce(const std::string& brokers, const std::string& topic, int partitions, int64_t total) {
  const Handle producer{make_producer(brokers)};
  const auto bytes = random_bytes(kRecord * 257);
  const int64_t count = total / static_cast<int64_t>(kRecord);
  enqueue(producer.rk, topic, 0, bytes.data(), kRecord);  // connects
  wait_delivered(producer.rk, 1);
  const double cpu = cpu_seconds();
  const double start = now_us();
  for (int64_t i = 0; i < count; ++i) {
    enqueue(producer.rk, topic, static_cast<int>(i % partitions), bytes.data() + (i % 256) * 1024 + i % 1024,
            kRecord);
    if (i % 1000 == 0) rd_kafka_poll(producer.rk, 0);
  }
  wait_delivered(producer.rk, count + 1);
  const double seconds = (now_us() - start) / 1e6;
  std::printf("{\"mb_per_s\": %.1f, \"seconds\": %.3f, \"client_cpu_s_per_gb\": %.3f}\n",
              static_cast<double>(total) / 1e6 / seconds, seconds,
              (cpu_seconds() - cpu) / (static_cast<double>(total) / 1e9));
  return 0;
}

void assign(rd_kafka_t* rk, const std::string& topic, int partitions, int64_t offset) {
  rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i)
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = offset;
  if (const auto error = rd_kafka_assign(rk, list); error != RD_KAFKA_RESP_ERR_NO_ERROR)
    die(rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_destroy(list);
}

rd_kafka_t* make_consumer(const std::string& brokers) {
  return make(RD_KAFKA_CONSUMER, brokers,
              {{"group.id", "bench"},
               {"enable.auto.commit", "false"},
               {"fetch.wait.max.ms", "500"},
               {"fetch.message.max.bytes", "8388608"},
               {"fetch.max.bytes", "52428800"},
               {"receive.message.max.bytes", "100000000"},
               {"queued.min.messages", "200000"},
               {"queued.max.messages.kbytes", "262144"}});
}

// Reads what is assigned until so many bytes of values came. Gives how many did; `start` is when the first came.
int64_t read_until(rd_kafka_t* consumer, int64_t total, double& start) {
  rd_kafka_queue_t* const queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> batch(10000);
  int64_t got = 0;
  const double deadline = now_us() + 300e6;
  while (got < total) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, batch.data(), batch.size());
    if (now_us() > deadline) die("not everything was read in 300 s");
    for (ssize_t i = 0; i < count; ++i) {
      if (batch[static_cast<size_t>(i)]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (start == 0) start = now_us();
        got += static_cast<int64_t>(batch[static_cast<size_t>(i)]->len);
      }
      rd_kafka_message_destroy(batch[static_cast<size_t>(i)]);
    }
  }
  rd_kafka_queue_destroy(queue);
  return got;
}

int consume(const std::string& brokers, const std::string& topic, int partitions, int64_t total) {
  const Handle consumer{make_consumer(brokers)};
  const double cpu = cpu_seconds();
  assign(consumer.rk, topic, partitions, RD_KAFKA_OFFSET_BEGINNING);
  double start = 0;
  const int64_t got = read_until(consumer.rk, total, start);
  const double seconds = (now_us() - start) / 1e6;
  std::printf("{\"mb_per_s\": %.1f, \"seconds\": %.3f, \"client_cpu_s_per_gb\": %.3f}\n",
              static_cast<double>(got) / 1e6 / seconds, seconds,
              (cpu_seconds() - cpu) / (static_cast<double>(got) / 1e9));
  rd_kafka_consumer_close(consumer.rk);
  return 0;
}

int tail(const std::string& brokers, const std::string& topic, int partitions, int64_t total) {
  const Handle producer{make_producer(brokers)};
  const Handle consumer{make_consumer(brokers)};
  rd_kafka_topic_partition_list_t* const ends = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i) {
    // By number, so that the consumer is at the end before anything is produced.
    int64_t low = 0;
    int64_t high = 0;
    if (const auto error =
            rd_kafka_query_watermark_offsets(consumer.rk, topic.c_str(), i, &low, &high, 30000))
      die(rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_add(ends, topic.c_str(), i)->offset = high;
  }
  if (const auto error = rd_kafka_assign(consumer.rk, ends)) die(rd_kafka_err2str(error));
  rd_kafka_topic_partition_list_destroy(ends);
  const auto bytes = random_bytes(kRecord * 257);
  const int64_t count = total / static_cast<int64_t>(kRecord);
  double start = now_us();
  std::thread producing([&] {
    for (int64_t i = 0; i < count; ++i) {
      enqueue(producer.rk, topic, static_cast<int>(i % partitions),
              bytes.data() + (i % 256) * 1024 + i % 1024, kRecord);
      if (i % 1000 == 0) rd_kafka_poll(producer.rk, 0);
    }
    wait_delivered(producer.rk, count);
  });
  const int64_t got = read_until(consumer.rk, count * static_cast<int64_t>(kRecord), start);
  const double seconds = (now_us() - start) / 1e6;
  producing.join();
  std::printf("{\"mb_per_s\": %.1f, \"seconds\": %.3f}\n", static_cast<double>(got) / 1e6 / seconds, seconds);
  rd_kafka_consumer_close(consumer.rk);
  return 0;
}

void print_times(std::vector<double> times, const char* more) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double p) {
    return times[static_cast<size_t>(p * static_cast<double>(times.size() - 1))];
  };
  double sum = 0;
  for (const double t : times) sum += t;
  std::printf(
      "{\"count\": %zu, \"mean_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f%s}\n",
      times.size(), sum / static_cast<double>(times.size()), at(0.5), at(0.99), at(0.999), more);
}

int single(const std::string& brokers, const std::string& topic, double seconds) {
  const Handle producer{make(RD_KAFKA_PRODUCER, brokers,
                             {{"linger.ms", "0"}, {"acks", "all"}, {"socket.nagle.disable", "true"}})};
  const auto bytes = random_bytes(kRecord);
  std::vector<double> times;
  const double end = now_us() + seconds * 1e6;
  const double warm = now_us() + std::min(seconds / 5, 1.0) * 1e6;
  for (int64_t i = 1; now_us() < end; ++i) {
    const double start = now_us();
    enqueue(producer.rk, topic, 0, bytes.data(), bytes.size());
    wait_delivered(producer.rk, i);
    if (start > warm) times.push_back(now_us() - start);
  }
  if (times.empty()) die("no record was acknowledged after the warm-up");
  print_times(std::move(times), "");
  return 0;
}

int paced(const std::string& brokers, const std::string& topic, double seconds, double rate) {
  const Handle producer{make(RD_KAFKA_PRODUCER, brokers,
                             {{"linger.ms", "0"}, {"acks", "all"}, {"socket.nagle.disable", "true"}})};
  const Handle consumer{make(RD_KAFKA_CONSUMER, brokers,
                             {{"group.id", "bench"},
                              {"enable.auto.commit", "false"},
                              {"fetch.wait.max.ms", "500"},
                              {"fetch.min.bytes", "1"},
                              {"fetch.error.backoff.ms", "1"},
                              {"socket.nagle.disable", "true"}})};
  auto bytes = random_bytes(kRecord);
  enqueue(producer.rk, topic, 0, bytes.data(), bytes.size());
  wait_delivered(producer.rk, 1);
  assign(consumer.rk, topic, 1, RD_KAFKA_OFFSET_BEGINNING);
  std::vector<double> times;
  const auto count = static_cast<int64_t>(seconds * rate);
  const double warm_until = now_us() + 2e6 + 1e6;
  std::atomic<bool> reading{false};
  std::thread reader([&] {
    int64_t seen = 0;
    const double deadline = now_us() + (seconds + 60) * 1e6;
    while (seen < count + 1 && now_us() < deadline) {
      rd_kafka_message_t* const message = rd_kafka_consumer_poll(consumer.rk, 100);
      if (message == nullptr) continue;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        reading = true;
        if (seen++ > 0) {
          double sent;
          std::memcpy(&sent, message->payload, sizeof sent);
          if (sent > warm_until) times.push_back(now_us() - sent);
        }
      }
      rd_kafka_message_destroy(message);
    }
  });
  while (!reading) rd_kafka_poll(producer.rk, 10);
  const double start = now_us();
  for (int64_t i = 0; i < count; ++i) {
    const double due = start + static_cast<double>(i) * 1e6 / rate;
    rd_kafka_poll(producer.rk, 0);
    sleep_until(due);
    // From when it was due, not from when it was sent: a producer that falls behind does not hide it.
    std::memcpy(bytes.data(), &due, sizeof due);
    enqueue(producer.rk, topic, 0, bytes.data(), bytes.size());
  }
  const double behind = now_us() - (start + seconds * 1e6);
  wait_delivered(producer.rk, count + 1);
  reader.join();
  if (times.empty()) die("nothing was read after the warm-up");
  char more[64];
  std::snprintf(more, sizeof more, ", \"behind_ms\": %.1f", behind / 1e3);
  print_times(std::move(times), more);
  rd_kafka_consumer_close(consumer.rk);
  return 0;
}

int steady(const std::string& brokers, const std::string& topic, int partitions, double rate) {
  static std::mutex mutex;
  static std::vector<double> times;
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char error[512];
  for (const auto& [name, value] :
       Settings{{"bootstrap.servers", brokers}, {"linger.ms", "0"}, {"acks", "all"}}) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK)
      die(error);
  }
  rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_err2str(message->err));
    double due;
    std::memcpy(&due, message->payload, sizeof due);
    const std::lock_guard lock(mutex);
    times.push_back(now_us() - due);
  });
  const Handle producer{rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error)};
  if (producer.rk == nullptr) die(error);
  std::atomic<bool> running{true};
  std::thread poller([&] {
    while (running) rd_kafka_poll(producer.rk, 20);
  });
  std::thread sender([&] {
    auto bytes = random_bytes(kRecord);
    const double start = now_us();
    for (int64_t i = 0; running; ++i) {
      const double due = start + static_cast<double>(i) * 1e6 / rate;
      sleep_until(due);
      std::memcpy(bytes.data(), &due, sizeof due);
      enqueue(producer.rk, topic, static_cast<int>(i % partitions), bytes.data(), bytes.size());
    }
  });
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {
    if (c != '\n') continue;
    std::vector<double> taken;
    {
      const std::lock_guard lock(mutex);
      taken.swap(times);
    }
    if (taken.empty()) die("nothing was acknowledged");
    print_times(std::move(taken), "");
    std::fflush(stdout);
  }
  running = false;
  sender.join();
  poller.join();
  rd_kafka_flush(producer.rk, 10000);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "create" && argc >= 5) {
    Settings settings;
    for (int i = 5; i < argc; ++i) {
      const std::string pair = argv[i];
      const auto equals = pair.find('=');
      if (equals == std::string::npos) die("a setting is name=value");
      settings[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return create(argv[2], argv[3], std::atoi(argv[4]), settings);
  }
  if (mode == "produce" && argc == 6)
    return produce(argv[2], argv[3], std::atoi(argv[4]), std::atoll(argv[5]));
  if (mode == "consume" && argc == 6)
    return consume(argv[2], argv[3], std::atoi(argv[4]), std::atoll(argv[5]));
  if (mode == "tail" && argc == 6) return tail(argv[2], argv[3], std::atoi(argv[4]), std::atoll(argv[5]));
  if (mode == "single" && argc == 5) return single(argv[2], argv[3], std::atof(argv[4]));
  if (mode == "paced" && argc == 6) return paced(argv[2], argv[3], std::atof(argv[4]), std::atof(argv[5]));
  if (mode == "steady" && argc == 6) return steady(argv[2], argv[3], std::atoi(argv[4]), std::atof(argv[5]));
  std::fprintf(stderr,
               "usage: bench_load create|produce|consume|tail|single|paced|steady …: see bench/load.cpp\n");
  return 2;
}
