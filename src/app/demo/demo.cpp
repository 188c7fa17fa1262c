#include "app/demo/demo.h"

#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/console_sink.h"
#include "app/demo/etcd_members.h"
#include "app/demo/fleet.h"
#include "app/demo/guard.h"
#include "app/demo/options.h"
#include "app/demo/scratch.h"
#include "app/demo/screen.h"
#include "app/demo/traffic.h"
#include "app/demo/view.h"
#include "app/server.h"
#include "cli/console.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/list_offsets.h"
#include "runtime/real/real_processes.h"
#include "runtime/real/real_runtime.h"
#include "runtime/real/signals.h"

namespace godwit::app {
namespace demo {
namespace {

using runtime::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kStartsWithin = seconds(60);
constexpr Duration kStopsWithin = seconds(15);
constexpr Duration kArrivesWithin = seconds(30);
constexpr Duration kLooksEvery = milliseconds(250);
constexpr Duration kGapMax = seconds(30);
constexpr int16_t kReplicas = 3;
constexpr int64_t kLatest = -1;

std::string hex(uint64_t number) {
  return fmt::format("{:016x}", number);
}

class Demo {
 public:
  Demo(Options options, runtime::RealRuntime& runtime, cli::Console& console)
      : options_(std::move(options)),
        runtime_(runtime),
        shard_(runtime.shard(0)),
        screen_(console),
        processes_(runtime::make_real_processes()),
        fleet_(runtime, *processes_,
               {.ended = [this](size_t index, const Fleet::Program& program) { on_end(index, program); },
                .started =
                    [this](size_t, const Fleet::Program& program) {
                      screen_.event(elapsed(), program.options.name + " was started again");
                    },
                .hopeless = [this](const std::string& why) { give_up(why); }}) {}

  Task<int> run() {
    shard_.spawn(heed_signals());
    if (auto ready = co_await bring_up(); !ready) {
      if (!stop_) screen_.complain(ready.error().message);
      failed_ = true;
    } else {
      co_await work();
    }
    co_await take_down();
    co_return failed_ ? kExitFailed : kExitOk;
  }

 private:
  Duration elapsed() const { return shard_.now() - began_; }
  size_t broker_count() const { return options_.kafka.size(); }
  void stop() {
    stop_ = true;
    changed_.notify_all();
  }
  void give_up(const std::string& why) {
    if (!stop_) screen_.complain(why);
    failed_ = true;
    stop();
  }
  // Waits for so long, or until the demo is to stop.
  Task<void> pause(Duration time) {
    const MonotonicTime until = shard_.now() + time;
    while (!stop_ && shard_.now() < until) (void)co_await changed_.wait_until(until);
  }

  Task<void> heed_signals() {
    for (;;) {
      const int signal = co_await runtime::wait_for_signal(
          {runtime::kSignalInterrupt, runtime::kSignalTerminate, runtime::kSignalHangUp});
      // The kernel ends our processes with us.
      if (stop_) std::_Exit(kExitSignal + signal);
      screen_.event(elapsed(), "stopping; once more leaves at once");
      stop();
    }
  }

  // -- bringing up --

  Task<Result<void>> bring_up() {
    GW_TRY(co_return, co_await find_places());
    GW_TRY(co_return, co_await start_programs());
    peer::ClusterOptions cluster_options;
    cluster_options.timeout = seconds(5);
    cluster_options.connection.client_id = "godwit-demo";
    cluster_options.connection.connect_timeout = seconds(1);
    cluster_options.connection.request_timeout = seconds(2);
    cluster_ = std::make_unique<peer::Cluster>(runtime_.network(), options_.kafka, cluster_options);
    GW_TRY(co_return, co_await wait_until("the brokers to find each other", [this](const View& view) {
             return view.brokers == broker_count();
           }));
    GW_TRY(co_return, co_await create_topic());
    co_return co_await wait_until("the topic's replicas", [](const View& view) { return view.whole(); });
  }

  Task<Result<void>> find_places() {
    if (options_.data_dir.empty()) {
      const char* place = std::getenv("TMPDIR");
      temporary_ = runtime::absolute_path(fmt::format("{}/godwit-demo-{}",
                                                      place != nullptr && *place != 0 ? place : "/tmp",
                                                      hex(shard_.random().next())));
      options_.data_dir = temporary_;
    }
    options_.data_dir = runtime::absolute_path(options_.data_dir);
    GW_TRY(co_return, co_await make_folders(runtime_.files(), options_.data_dir));
    for (auto* addresses : {&options_.kafka, &options_.http}) {
      const size_t wanted =
          addresses == &options_.kafka && options_.kafka.empty() ? kReplicas : broker_count();
      addresses->resize(wanted, {"127.0.0.1", 0});
      // An address that is taken is better told before anything runs.
      for (auto& address : *addresses) {
        auto listener = co_await runtime_.network().listen(address, {});
        if (!listener)
          co_return fail(listener.error().kind,
                         to_string(address) + " is not to be had: " + listener.error().message);
        if (address.port == 0) address.port = (*listener)->local().port;
        held_.push_back(std::move(*listener));
      }
    }
    co_return Result<void>();
  }

  std::string folder_of(size_t broker) const {
    return fmt::format("{}/broker-{}", options_.data_dir, broker + 1);
  }

  Task<Result<void>> start_programs() {
    GuardOptions watched{runtime::own_identity(), temporary_, {}};
    for (size_t i = 0; i < broker_count(); ++i) watched.data_dirs.push_back(folder_of(i));
    auto guard = start_guard(*processes_, watched);
    if (!guard) co_return fail(guard.error());
    guard_ = std::move(*guard);
    if (options_.managed_etcd) {
      members_ = std::make_unique<EtcdMembers>(runtime_, *processes_, watched.data_dirs);
      GW_TRY(co_return, co_await members_->find_places(options_.data_dir + "/managed-etcd"));
      options_.coordination = members_->address();
    } else if (options_.coordination.empty()) {
      GW_TRY(co_return, co_await start_etcd());
    }
    held_.clear();
    const std::string program = runtime::own_program();
    for (size_t i = 0; i < broker_count(); ++i) {
      const std::string id = std::to_string(i + 1);
      std::vector<std::string> arguments{program, "serve"};
      const auto set = [&](const std::string& name, const std::string& value) {
        arguments.insert(arguments.end(), {"--" + name, value});
      };
      set("broker.id", id);
      set("data.dir", folder_of(i));
      set("kafka", to_string(options_.kafka[i]));
      set("http", to_string(options_.http[i]));
      set("coordination", options_.coordination);
      // Several share one machine, and nobody publishes gigabytes here.
      set("memory.arena", "64MiB");
      set("memory.read.buffers", "16MiB");
      set("journal.file.bytes", "16MiB");
      for (const auto& [name, value] : options_.settings) set(name, value);
      auto added = fleet_.add({"broker " + id, std::move(arguments), folder_of(i) + ".output"});
      if (!added) co_return fail(added.error());
      brokers_.push_back(*added);
    }
    co_return Result<void>();
  }

  Task<Result<void>> start_etcd() {
    const auto client_port = co_await free_port(runtime_.network());
    const auto peer_port = co_await free_port(runtime_.network());
    if (!client_port || !peer_port) co_return fail((!client_port ? client_port : peer_port).error());
    auto added = fleet_.add({"etcd", single_etcd(*client_port, *peer_port, options_.data_dir + "/etcd"),
                             options_.data_dir + "/etcd.output"});
    if (!added && added.error().kind == ErrorKind::not_found) {
      co_return fail(ErrorKind::not_found,
                     "there is no program etcd, which keeps the cluster's state: 'apt-get install "
                     "etcd-server' brings it, or name a service that runs: --coordination etcd://HOST:PORT");
    }
    if (!added) co_return fail(added.error());
    etcd_ = *added;
    options_.coordination = fmt::format("etcd://127.0.0.1:{}", *client_port);
    co_return Result<void>();
  }

  // Asks the cluster until it is as wanted.
  Task<Result<void>> wait_until(std::string what, std::function<bool(const View&)> as_wanted) {
    const MonotonicTime deadline = shard_.now() + kStartsWithin;
    std::string why;
    while (!stop_ && shard_.now() < deadline) {
      const auto answer = co_await cluster_->metadata(std::vector{options_.topic});
      if (answer) {
        view_ = view_of(*answer, options_.topic);
        if (as_wanted(view_)) co_return Result<void>();
      } else {
        why = ": " + answer.error().message;
      }
      co_await pause(milliseconds(50));
    }
    if (stop_) co_return fail(ErrorKind::closed, "stopped");
    std::string words;
    for (const size_t index : brokers_)
      words += "\n" + fleet_.program(index).options.name + ": " + co_await fleet_.last_words(index);
    co_return fail(ErrorKind::timed_out, "waited in vain for " + what + why + words);
  }

  Task<Result<void>> create_topic() {
    kafka::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = options_.topic;
    topic.num_partitions = options_.partitions;
    topic.replication_factor = kReplicas;
    topic.configs = {
        {"min.insync.replicas", "2"}, {"retention.ms", "3600000"}, {"segment.bytes", "67108864"}};
    const auto answer = co_await cluster_->call(
        peer::Target::controller(), request, [](const kafka::CreateTopicsResponse& response) {
          return response.topics.empty() ? ErrorCode::none : response.topics[0].error_code;
        });
    if (!answer) co_return fail(answer.error());
    const auto& made = answer->topics.at(0);
    if (made.error_code != ErrorCode::none && made.error_code != ErrorCode::topic_already_exists) {
      co_return fail(ErrorKind::invalid,
                     "topic " + options_.topic + ": " +
                         made.error_message.value_or(std::string(to_string(made.error_code))));
    }
    if (made.error_code == ErrorCode::topic_already_exists) {
      const auto metadata = co_await cluster_->metadata(std::vector{options_.topic});
      if (!metadata) co_return fail(metadata.error());
      options_.partitions = static_cast<int32_t>(view_of(*metadata, options_.topic).leaders.size());
    }
    co_return Result<void>();
  }

  // Where the topic ends now, by partition: what this run publishes comes behind.
  Task<Result<std::vector<int64_t>>> ends_of_partitions() {
    std::vector<int64_t> ends;
    for (int32_t partition = 0; partition < options_.partitions; ++partition) {
      kafka::ListOffsetsRequest request;
      request.replica_id = kNoBroker;
      auto& topic = request.topics.emplace_back();
      topic.name = options_.topic;
      topic.partitions.push_back({.partition_index = PartitionIndex(partition), .timestamp = kLatest});
      const auto code = [](const kafka::ListOffsetsResponse& response) {
        return response.topics.empty() || response.topics[0].partitions.empty()
                   ? ErrorCode::unknown_topic_or_partition
                   : response.topics[0].partitions[0].error_code;
      };
      const auto answer = co_await cluster_->call(
          peer::Target::leader(options_.topic, PartitionIndex(partition)), request, code);
      if (!answer) co_return fail(answer.error());
      if (code(*answer) != ErrorCode::none) {
        co_return fail(ErrorKind::unavailable, fmt::format("the end of partition {} is not known: {}",
                                                           partition, to_string(code(*answer))));
      }
      ends.push_back(answer->topics[0].partitions[0].offset.value());
    }
    co_return ends;
  }

  // -- at work --

  Task<void> work() {
    TrafficOptions how;
    for (const auto& address : options_.kafka)
      how.brokers += (how.brokers.empty() ? "" : ",") + to_string(address);
    how.topic = options_.topic;
    how.mark = hex(shard_.random().next());
    auto ends = co_await ends_of_partitions();
    if (!ends) {
      give_up(ends.error().message);
      co_return;
    }
    how.from = std::move(*ends);
    how.rate = options_.rate;
    how.size = options_.size;
    auto made = Traffic::make(std::move(how));
    if (!made) {
      screen_.complain(made.error().message);
      failed_ = true;
      co_return;
    }
    traffic_ = std::move(*made);
    announce();
    began_ = shard_.now();
    runtime::Shard& publisher = runtime_.add_shard({.name = "publisher"});
    runtime::Shard& reader = runtime_.add_shard({.name = "reader"});
    runtime::Gate publishing;
    runtime::Gate reading;
    runtime::Gate chores;
    publishing.spawn(shard_, on(publisher, [this] { return traffic_->publish(kArrivesWithin); }));
    reading.spawn(shard_, on(reader, [this] { return traffic_->read(); }));
    chores.spawn(shard_, observe());
    chores.spawn(shard_, show());
    if (options_.kill_every) chores.spawn(shard_, kill_leaders());
    co_await (options_.length ? pause(*options_.length) : until_stopped());
    stop();
    co_await chores.close();
    traffic_->stop_publishing();
    co_await publishing.close();
    const MonotonicTime deadline = shard_.now() + kArrivesWithin;
    while (traffic_->look().awaited > 0 && shard_.now() < deadline)
      co_await runtime::sleep_for(milliseconds(20));
    traffic_->stop_reading();
    co_await reading.close();
    judge();
  }

  template <class F>
  static Task<void> on(runtime::Shard& shard, F work) {
    co_await shard.call(std::move(work));
  }
  Task<void> until_stopped() {
    while (!stop_) co_await changed_.wait();
  }

  void announce() {
    std::string kafka;
    for (const auto& address : options_.kafka) kafka += (kafka.empty() ? "" : ",") + to_string(address);
    const std::string first = to_string(options_.kafka.front());
    const std::string program = runtime::own_program();
    screen_.say(
        fmt::format("\n{} brokers serve Kafka clients at {}; their data and output are in {}\n"
                    "  publish:    echo hello | {} produce greetings --brokers {}\n"
                    "  subscribe:  {} consume greetings --from beginning --brokers {}\n"
                    "  look:       {} cluster status --brokers {}\n"
                    "  (kcat -P -b {} -t greetings, kcat -C …, and every other Kafka client do as well)\n"
                    "Kill any of them (kill -9): it is started again. Ctrl-C ends everything.\n\n"
                    "Topic {}: {} partitions, {} replicas of each, {} messages a second, acknowledged when "
                    "all in sync have synced.\n",
                    broker_count(), kafka, options_.data_dir, program, first, program, first, program, first,
                    first, options_.topic, options_.partitions, kReplicas, options_.rate));
  }

  // Keeps the view of the cluster fresh, and tells of gaps as they end.
  Task<void> observe() {
    while (!stop_) {
      const auto answer = co_await cluster_->metadata(std::vector{options_.topic});
      if (answer) view_ = view_of(*answer, options_.topic);
      for (auto at = returning_.begin(); at != returning_.end();) {
        if (!answer || !view_.whole() || view_.brokers != broker_count()) break;
        const auto& program = fleet_.program(at->first);
        if (!program.running() || shard_.now() - program.started < milliseconds(200)) break;
        screen_.event(elapsed(),
                      fmt::format("{} is back: all replicas are in sync again {:.1f} s after its death",
                                  program.options.name,
                                  std::chrono::duration<double>(shard_.now() - at->second).count()));
        at = returning_.erase(at);
      }
      tell_gap();
      co_await pause(kLooksEvery);
    }
  }

  void tell_gap() {
    if (const auto gap = traffic_->take_gap()) {
      gaps_.push_back(*gap);
      screen_.event(
          elapsed(),
          fmt::format("publishing to all {} partitions that {} led was acknowledged again after {} ms",
                      gap_partitions_, gap_broker_, std::chrono::duration_cast<milliseconds>(*gap).count()));
    }
  }

  void on_end(size_t index, const Fleet::Program& program) {
    const auto broker = std::ranges::find(brokers_, index);
    const std::string how = program.killed ? "was killed (-9)" : "ended";
    // Once the demo ends nothing is measured any more.
    if (broker == brokers_.end() || !traffic_ || stop_) {
      screen_.event(elapsed(), program.options.name + " " + how);
      return;
    }
    const BrokerId id(static_cast<int32_t>(broker - brokers_.begin()) + 1);
    const auto led = view_.led_by(id);
    const MonotonicTime fault = program.killed ? killed_at_ : program.ended;
    screen_.event(elapsed(), fmt::format("{} {}; it led {}{}", program.options.name, how,
                                         led.empty() ? std::string("nothing")
                                                     : fmt::format("partitions {}", fmt::join(led, ",")),
                                         view_.controller == id ? ", and was the controller" : ""));
    tell_gap();
    gap_broker_ = program.options.name;
    gap_partitions_ = led.size();
    traffic_->begin_gap(fault, led);
    returning_[index] = program.ended;
    ++deaths_;
  }

  Task<void> kill_leaders() {
    size_t last = broker_count() - 1;
    for (;;) {
      co_await pause(*options_.kill_every);
      // Only what has its replicas can promise to survive one more.
      const MonotonicTime patience = shard_.now() + kGapMax;
      while (!stop_ && (!returning_.empty() || !view_.whole())) {
        if (shard_.now() > patience) {
          give_up("the replicas were not in sync again within 30 s: 'godwit cluster status' and " +
                  options_.data_dir + "/*.output say more");
        }
        co_await pause(kLooksEvery);
      }
      if (stop_) co_return;
      for (size_t step = 1; step <= broker_count(); ++step) {
        const size_t next = (last + step) % broker_count();
        if (view_.led_by(BrokerId(static_cast<int32_t>(next) + 1)).empty()) continue;
        last = next;
        if (members_) co_await kill_member(next);
        killed_at_ = shard_.now();
        fleet_.kill(brokers_[next]);
        break;
      }
    }
  }

  // As where its machine dies.
  Task<void> kill_member(size_t broker) {
    const bool led = co_await members_->leads(broker);
    if (!members_->kill(broker)) co_return;
    screen_.event(elapsed(), fmt::format("the etcd member of broker {} is killed (-9) in the same blow{}",
                                         broker + 1, led ? "; it led the others" : ""));
  }

  Task<void> show() {
    while (!stop_) {
      co_await pause(screen_.live() ? milliseconds(250) : seconds(1));
      const auto look = traffic_->look();
      const auto& counts = look.counts;
      std::string line = fmt::format(
          "sent {}  acknowledged {}  received {}  missing {}  out of order {}  twice {}", counts.sent,
          counts.acknowledged, counts.received, counts.missing, counts.out_of_order, counts.repeated);
      if (counts.failed > 0) line += fmt::format("  failed {}", counts.failed);
      line += look.p99_us > 0 ? fmt::format("  p99 {:.1f} ms", static_cast<double>(look.p99_us) / 1e3)
                              : "  p99 -";
      if (!screen_.line(elapsed(), line)) stop();
      if (!look.failure.empty() && look.failure != told_failure_) {
        told_failure_ = look.failure;
        screen_.event(elapsed(), look.failure);
      }
    }
  }

  void judge() {
    tell_gap();
    const auto look = traffic_->look();
    const auto total = traffic_->total();
    const auto& counts = look.counts;
    const auto missing = std::max(counts.missing, look.awaited);
    screen_.say(fmt::format(
        "\nsent {}, acknowledged {}, given up {}; received {}: {} missing, {} out of order, {} there twice",
        counts.sent, counts.acknowledged, counts.failed + look.under_way, counts.received, missing,
        counts.out_of_order, counts.repeated));
    screen_.say(
        fmt::format("from sending to acknowledgement: p50 {:.1f} ms, p99 {:.1f} ms, longest {:.1f} ms",
                    static_cast<double>(total.p50_us) / 1e3, static_cast<double>(total.p99_us) / 1e3,
                    static_cast<double>(total.most_us) / 1e3));
    if (deaths_ > 0) {
      std::vector<int64_t> ms;
      for (const Duration gap : gaps_) ms.push_back(std::chrono::duration_cast<milliseconds>(gap).count());
      screen_.say(fmt::format("{} broker{} died; publishing was acknowledged again after {} ms", deaths_,
                              deaths_ == 1 ? "" : "s",
                              ms.empty() ? std::string("-") : fmt::format("{}", fmt::join(ms, ", "))));
    }
    if (const auto held_up = traffic_->held_up(); !held_up.empty()) {
      screen_.complain(
          fmt::format("nothing was acknowledged again in partitions {}", fmt::join(held_up, ",")));
      failed_ = true;
    }
    if (counts.acknowledged == 0) screen_.complain("nothing was acknowledged");
    if (missing + counts.out_of_order + counts.repeated > 0 || counts.acknowledged == 0) failed_ = true;
  }

  Task<void> take_down() {
    screen_.clear();
    // The client first: it would look for brokers that go.
    if (traffic_) traffic_->close();
    traffic_.reset();
    if (cluster_) cluster_->close();
    co_await fleet_.stop(brokers_, kStopsWithin);
    if (members_) co_await members_->end_all();
    if (etcd_) co_await fleet_.stop({*etcd_}, kStopsWithin);
    if (guard_) {
      guard_->kill();
      co_await guard_->ended();
    }
    if (!temporary_.empty() && !failed_) co_await remove_tree(runtime_.files(), temporary_);
    if (temporary_.empty() || failed_) {
      screen_.say(fmt::format("{} in {}, what the brokers said in {}/*.output",
                              temporary_.empty() ? "the data stays" : "the data is", options_.data_dir,
                              options_.data_dir));
    }
  }

  Options options_;
  runtime::RealRuntime& runtime_;
  runtime::Shard& shard_;
  Screen screen_;
  std::unique_ptr<runtime::Processes> processes_;
  Fleet fleet_;
  std::string temporary_;
  std::vector<std::unique_ptr<runtime::Listener>> held_;  // the brokers' addresses, until they take them
  std::optional<size_t> etcd_;
  std::unique_ptr<EtcdMembers> members_;  // where they are managed
  std::unique_ptr<runtime::Process> guard_;
  std::vector<size_t> brokers_;  // in the fleet; the first is broker 1
  std::unique_ptr<peer::Cluster> cluster_;
  std::unique_ptr<Traffic> traffic_;
  View view_;
  MonotonicTime began_ = shard_.now();
  MonotonicTime killed_at_{};
  std::map<size_t, MonotonicTime> returning_;  // who died, and when, until all replicas are in sync again
  std::string gap_broker_;
  size_t gap_partitions_ = 0;
  std::vector<Duration> gaps_;
  int deaths_ = 0;
  std::string told_failure_;
  bool stop_ = false;
  bool failed_ = false;
  runtime::Condition changed_;
};

}  // namespace
}  // namespace demo

int run_demo(std::span<const std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "guard") return demo::run_guard(arguments.subspan(1));
  auto parsed = demo::parse(arguments);
  cli::StandardConsole console;
  if (const auto* say = std::get_if<demo::Say>(&parsed)) {
    if (say->exit_code == kExitOk) {
      console.write(say->text);
      console.flush();
    } else {
      console.write_error(say->text);
    }
    return say->exit_code;
  }
  ConsoleSink diagnostics(Format::text, Severity::warning);
  const auto runtime = runtime::make_real_runtime({.shards = 1}, diagnostics);
  demo::Demo demo(std::move(std::get<demo::Options>(parsed)), *runtime, console);
  return runtime->run(demo.run());
}

}  // namespace godwit::app
