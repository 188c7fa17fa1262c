#include "broker/broker.h"

#include <algorithm>

#include "broker/connection.h"
#include "broker/producer_ids.h"
#include "cluster/cluster_id.h"
#include "storage/arena.h"

namespace godwit::broker {
namespace {

using runtime::Task;

// Descriptors that are kept for files, the journal and whatever else opens one.
constexpr size_t kDescriptorsReserved = 256;
constexpr uint64_t kRefusalsToldASecond = 10;

size_t connections_allowed(const BrokerOptions& options, const runtime::Machine& machine) {
  const size_t reserved = options.store.open_files_max + kDescriptorsReserved;
  const size_t left =
      machine.descriptors_max > reserved ? machine.descriptors_max - reserved : machine.descriptors_max / 2;
  return std::min(options.connections_max, left);
}

}  // namespace

Broker::Broker(BrokerOptions options, runtime::Runtime& runtime, DiagnosticSink& diagnostics,
               metrics::Registry& metrics)
    : options_(std::move(options)),
      connections_max_(connections_allowed(options_, runtime.machine())),
      runtime_(runtime),
      diagnostics_(diagnostics),
      registry_(metrics),
      metrics_(metrics),
      cluster_gauges_(metrics, options_.id, options_.topic_defaults),
      beats_(runtime.shard_count()) {}

Broker::~Broker() = default;

Task<Result<std::unique_ptr<Broker>>> Broker::start(BrokerOptions options, runtime::Runtime& runtime,
                                                    coordination::Coordination& coordination,
                                                    DiagnosticSink& diagnostics, metrics::Registry& metrics) {
  std::unique_ptr<Broker> broker(new Broker(std::move(options), runtime, diagnostics, metrics));
  if (auto opened = co_await broker->open(coordination); !opened) {
    // Why it did not start matters more than what a close may say.
    co_await broker->end_serving();
    (void)co_await broker->close_parts();
    co_return fail(opened.error());
  }
  co_return std::move(broker);
}

namespace {

// A batch lies in its shard's part of the arena as a whole.
void tell_of_small_arena(const BrokerOptions& options, size_t shards, DiagnosticSink& diagnostics) {
  const auto largest =
      static_cast<uint64_t>(effective_settings({}, options.topic_defaults, false).max_message_bytes);
  const uint64_t part = options.store.arena_bytes / shards;
  if (largest + storage::kBlockMax <= part) return;
  diagnostics.emit({Severity::warning,
                    "storage.arena_small",
                    "memory.arena is too small for batches of message.max.bytes: what its shard's part "
                    "cannot hold is refused",
                    {{"message.max.bytes", std::to_string(largest)}, {"part", std::to_string(part)}}});
}

}  // namespace

Task<Result<void>> Broker::open(coordination::Coordination& coordination) {
  tell_of_small_arena(options_, runtime_.shard_count(), diagnostics_);
  // Recovery writes: a directory of another cluster is to stay as it is.
  if (options_.was_member)
    GW_TRY(co_return,
           co_await cluster::check_cluster(coordination, runtime_, diagnostics_, options_.cluster_id));
  auto store = co_await storage::Store::open(options_.store, runtime_, diagnostics_, registry_);
  if (!store) co_return fail(store.error());
  store_ = std::move(*store);

  for (size_t i = 0; i < runtime_.shard_count(); ++i) {
    shards_.push_back(std::make_unique<BrokerShard>(*this, runtime_.shard(i), i));
    serving_.push_back(std::make_unique<Serving>());
  }

  // The listeners are bound before the broker is registered: with port 0 only then is its address known.
  GW_TRY(co_return, co_await listen());
  // They are served from now on, each request as soon as it can be: other brokers ask this one while it joins.
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await runtime_.shard(i).call([this, i] {
      Serving& serving = *serving_[i];
      serving.tasks.spawn(runtime_.shard(i), beat(i));
      for (size_t l = 0; l < serving.listeners.size(); ++l) {
        serving.tasks.spawn(runtime_.shard(i),
                            accept(*serving.listeners[l], *shards_[i], options_.listeners[l].name));
      }
    });
  }
  if (options_.clustered) {
    const auto there = co_await was_joined();
    if (!there) co_return fail(there.error());
    joined_before_ = *there;
  }
  // From the first report on: a disk may be full, or fail, before this broker has joined.
  store_->on_health_change([this] { report_health(); });
  GW_TRY(co_return, co_await join(coordination));
  if (options_.clustered) GW_TRY(co_return, co_await note_joined());
  std::set<TopicPartition> doubtful;
  for (const auto& one : co_await store_->unproven()) doubtful.insert(one.id);
  // Read here: the metadata belongs to this shard.
  const uint64_t incarnation = metadata_->incarnation();
  const std::string cluster_id = metadata_->image()->cluster_id;
  for (const auto& shard : shards_) {
    co_await shard->shard().call([&shard = *shard, &doubtful, &cluster_id, incarnation] {
      shard.begin(incarnation, cluster_id, doubtful);
    });
  }
  // One image for both: a log that the shards took over is theirs to give back when its topic goes.
  const cluster::ImagePtr first = metadata_->image();
  co_await apply(first);
  co_await compare_store_with(first);
  metadata_->on_change(
      [this](cluster::ImagePtr before, cluster::ImagePtr after) { return follow(before, after); });
  // What changed between the two was told to nobody.
  co_await follow(first, metadata_->image());
  for (const auto& shard : shards_) co_await shard->shard().call([&shard = *shard] { shard.open_up(); });
  ready_.store(true, std::memory_order_release);
  co_return Result<void>();
}

Task<Result<void>> Broker::join(coordination::Coordination& coordination) {
  cluster::MetadataOptions options;
  options.cluster_id = options_.cluster_id;
  options.self.id = options_.id;
  options.self.rack = options_.rack;
  options.self.features = options_.features;
  auto listeners = advertised();
  if (!listeners) co_return fail(listeners.error());
  options.self.listeners = std::move(*listeners);
  options.storage_id = options_.storage_id;
  options.was_member = options_.was_member;
  options.listener = options_.inter_broker_listener;
  options.session_timeout = options_.session_timeout;
  options.preferred_after = options_.preferred_leader_after;
  options.topic_defaults = options_.topic_defaults;
  options.unproven = [this](cluster::ImagePtr image) { return unproven(std::move(image)); };
  if (options_.clustered) {
    options.later_logs = [this](cluster::ImagePtr image) { return later_logs(std::move(image)); };
    options.epochs_by_clock = true;
    incarnation_file_ = std::make_unique<IncarnationFile>(runtime_.files(), options_.store.directory);
    const auto before = co_await incarnation_file_->read();
    if (!before) co_return fail(before.error());
    options.incarnation_before = *before;
    options.note_incarnation = [this](uint64_t incarnation) { return incarnation_file_->write(incarnation); };
  }
  // Alone, the store is in the data directory itself.
  if (options_.clustered) options.has_logs = [this] { return joined_before_; };
  options.healthy = [this] { return healthy(); };
  auto started = co_await cluster::Metadata::start(std::move(options), coordination, runtime_, diagnostics_,
                                                   [this](cluster::Metadata& early) {
                                                     known_metadata_ = &early;
                                                     report_health();
                                                   });
  if (!started) {
    known_metadata_ = nullptr;
    co_return fail(started.error());
  }
  metadata_ = std::move(*started);
  known_metadata_ = metadata_.get();
  producer_ids_ = std::make_unique<ProducerIds>(*this);
  co_return Result<void>();
}

void Broker::report_health() {
  if (!knows_cluster()) return;
  const auto health = store_->health();
  metadata().report_health(health.writable && health.space_left);
}

Result<std::map<std::string, runtime::Endpoint>> Broker::advertised() const {
  std::map<std::string, runtime::Endpoint> all;
  for (size_t i = 0; i < options_.listeners.size(); ++i) {
    const ListenerOptions& listener = options_.listeners[i];
    if (listener.advertised) {
      all[listener.name] = *listener.advertised;
      // With port 0 only the system knows it.
      if (all[listener.name].port == 0) all[listener.name].port = addresses_[i].port;
      continue;
    }
    // Alone, a broker tells each client the address that it dialled.
    if (!options_.clustered) continue;
    const std::string& host = listener.bind.host;
    if (host.empty() || host == "0.0.0.0" || host == "::" || host == "*") {
      return fail(ErrorKind::invalid, "listener " + listener.name +
                                          " is bound to all addresses, and in a cluster the others must know "
                                          "one to connect to: give it in "
                                          "advertised.listeners (" +
                                          listener.name + "://HOST:PORT)");
    }
    all[listener.name] = {host, addresses_[i].port};
  }
  if (options_.clustered && !all.contains(options_.inter_broker_listener)) {
    return fail(ErrorKind::invalid,
                "inter.broker.listener.name: there is no listener " + options_.inter_broker_listener);
  }
  return all;
}

// A file that says so by being there: docs/formats/data-directory.md.
Task<Result<bool>> Broker::was_joined() {
  return runtime_.files().exists(options_.store.directory + "/joined");
}

Task<Result<void>> Broker::note_joined() {
  if (joined_before_) co_return Result<void>();
  auto file =
      co_await runtime_.files().open(options_.store.directory + "/joined",
                                     {.write = true, .create = runtime::OpenOptions::Create::if_missing});
  if (!file) co_return fail(file.error());
  GW_TRY(co_return, co_await (*file)->sync());
  GW_TRY(co_return, co_await runtime_.files().sync_directory(options_.store.directory));
  joined_before_ = true;
  co_return Result<void>();
}

Task<std::vector<TopicPartition>> Broker::unproven(cluster::ImagePtr image) {
  std::vector<TopicPartition> doubtful;
  // Alone, there is nobody to get it from: what is damaged is named when it is read.
  if (!options_.clustered) co_return doubtful;
  std::map<TopicPartition, bool> suspects;  // whether only the last interval of flush=interval can be missing
  for (const auto& one : co_await store_->unproven()) suspects[one.id] = one.tail_only;
  // Of a topic that the controller leaves aside, too: it writes down what is said here.
  for (const auto& [id, tail_only] : suspects) {
    if (image->find(id) == nullptr) doubtful.push_back(id);
  }
  std::set<TopicPartition> known;
  for (const auto& id : co_await store_->list()) known.insert(id);
  for (const auto& [name, topic] : image->topics()) {
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      const cluster::PartitionState& state = topic->partitions[i];
      if (std::ranges::find(state.isr, options_.id) == state.isr.end()) continue;
      const TopicPartition id{topic->id, PartitionIndex(static_cast<int32_t>(i))};
      // It may have been assigned a moment before a crash, and nothing was ever written: then nothing changed since, and
      // this directory has been a member all the time. A disk that was exchanged has not.
      const bool never_made = !known.contains(id) && joined_before_ && state.version <= 1;
      const auto suspect = suspects.find(id);
      // Nobody ever had more of an only replica: it goes on with what flush=interval promises after a power cut.
      const bool all_there_is = suspect != suspects.end() && suspect->second && state.replicas.size() == 1;
      if ((suspect != suspects.end() && !all_there_is) || (!known.contains(id) && !never_made)) {
        doubtful.push_back(id);
      }
    }
  }
  co_return doubtful;
}

Task<std::vector<cluster::LaterLog>> Broker::later_logs(cluster::ImagePtr image) {
  std::vector<std::vector<TopicPartition>> by_shard(runtime_.shard_count());
  for (const TopicPartition& id : co_await store_->list()) {
    if (image->find(id) != nullptr) by_shard[store_->shard_of(id)].push_back(id);
  }
  std::vector<cluster::LaterLog> later;
  for (size_t i = 0; i < by_shard.size(); ++i) {
    const auto found = co_await runtime_.shard(i).call([store = store_.get(), image, ids = by_shard[i]] {
      std::vector<cluster::LaterLog> all;
      for (const TopicPartition& id : ids) {
        const storage::Log* const log = store->find(id);
        if (log == nullptr || log->start() == log->end()) continue;
        const auto latest = log->epochs().latest();
        if (latest && cluster::contradicts(*image->find(id), *latest))
          all.push_back({id, *latest, log->end()});
      }
      return all;
    });
    later.insert(later.end(), found.begin(), found.end());
  }
  co_return later;
}

// Each shard says that its loop turns; the first one also looks at the disk.
Task<void> Broker::beat(size_t shard) {
  constexpr Duration kBeat = std::chrono::milliseconds(200);
  while (!stopping()) {
    beats_[shard].store(runtime_.shard(shard).now().time_since_epoch().count(), std::memory_order_relaxed);
    co_await serving_[shard]->ended.wait_until(runtime_.shard(shard).now() + kBeat);
  }
}

bool Broker::healthy() const {
  const MonotonicTime now = runtime_.shard(0).now();
  const Duration most = options_.session_timeout / 2;
  for (const auto& beat : beats_) {
    if (now - MonotonicTime(MonotonicTime::duration(beat.load(std::memory_order_relaxed))) > most)
      return false;
  }
  const auto health = store_->health();
  return !health.round_under_way || *health.round_under_way < most;
}

Task<Result<void>> Broker::listen() {
  for (const auto& listener : options_.listeners) {
    runtime::Endpoint at = listener.bind;
    // The system lets another process of the same user share a shared port: two brokers would each get some of the
    // clients. Bound alone for a moment, it tells.
    if (shards_.size() > 1 && at.port != 0) {
      auto alone = co_await runtime_.network().listen(at, {});
      if (!alone) co_return fail(alone.error());
    }
    for (size_t i = 0; i < shards_.size(); ++i) {
      auto bound = co_await runtime_.shard(i).call([this, i, at]() -> Task<Result<runtime::Endpoint>> {
        auto made = co_await runtime_.network().listen(at, {.shared = runtime_.shard_count() > 1});
        if (!made) co_return fail(made.error());
        const runtime::Endpoint local = (*made)->local();
        serving_[i]->listeners.push_back(std::move(*made));
        co_return local;
      });
      if (!bound) co_return fail(bound.error());
      // The other shards share the port that the first one found.
      if (i == 0) addresses_.push_back(*bound);
      at.port = bound->port;
    }
  }
  co_return Result<void>();
}

Task<void> Broker::accept(runtime::Listener& listener, BrokerShard& shard, std::string name) {
  Serving& serving = *serving_[shard.index()];
  for (;;) {
    auto stream = co_await listener.accept();
    if (!stream && stream.error().kind == ErrorKind::closed) co_return;
    if (!stream) {
      // No descriptor is left, or the network is in trouble: waiting lets connections end.
      metrics_.refused_descriptors.add();
      diagnostics_.emit({Severity::warning, "connection.not_accepted", stream.error().message, {}});
      co_await runtime::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    metrics_.connections_accepted.add();
    serving.tasks.spawn(shard.shard(), serve_connection(shard, std::move(*stream), name));
  }
}

bool Broker::enter(OpenConnection& connection, BrokerShard& shard) {
  if (stopping()) return false;
  if (connections_.fetch_add(1) >= connections_max_) {
    connections_.fetch_sub(1);
    metrics_.refused_limit.add();
    tell_of_stranger(
        connection.peer(),
        "the limit of " + std::to_string(connections_max_) + " connections is reached (max.connections)", "");
    return false;
  }
  metrics_.connections.add(1);
  list(connection, shard);
  return true;
}

bool Broker::enter_again(OpenConnection& connection, BrokerShard& shard) {
  list(connection, shard);
  if (!stopping()) return true;
  leave(connection, shard);
  return false;
}

void Broker::list(OpenConnection& connection, BrokerShard& shard) {
  serving_[shard.index()]->connections.insert(&connection);
  shard.count_connections(1);
}

void Broker::strike(OpenConnection& connection, BrokerShard& shard) {
  serving_[shard.index()]->connections.erase(&connection);
  shard.count_connections(-1);
}

void Broker::move_on(OpenConnection& connection, BrokerShard& from, BrokerShard& to, Serve serve) {
  strike(connection, from);
  // Whatever closes the other shard's door is posted behind this.
  to.shard().post([this, &to, serve = std::move(serve)]() mutable {
    serving_[to.index()]->tasks.spawn(to.shard(),
                                      [](Serve go) -> Task<void> { co_await go(); }(std::move(serve)));
  });
}

void Broker::leave(OpenConnection& connection, BrokerShard& shard) {
  connections_.fetch_sub(1);
  metrics_.connections.add(-1);
  strike(connection, shard);
}

void Broker::tell_of_refusal(const Diagnostic& diagnostic) {
  const auto second = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(runtime::Shard::current()->now().time_since_epoch())
          .count());
  if (refusals_second_.exchange(second) != second) refusals_told_ = 0;
  if (refusals_told_.fetch_add(1) < kRefusalsToldASecond) diagnostics_.emit(diagnostic);
}

void Broker::tell_of_stranger(const runtime::Endpoint& peer, const std::string& advice,
                              const std::string& first_bytes) {
  Diagnostic diagnostic{Severity::warning, "connection.refused", advice, {{"peer", to_string(peer)}}};
  if (!first_bytes.empty()) diagnostic.fields.emplace_back("first_bytes", first_bytes);
  tell_of_refusal(diagnostic);
}

Task<void> Broker::apply(cluster::ImagePtr image) {
  cluster_gauges_.show(image);
  const ThrottleRates rates = throttle_rates(options_.throttle, *image, options_.id);
  const MonotonicTime now = runtime_.shard(0).now();
  leader_throttle_.set_rate(rates.leader, now);
  follower_throttle_.set_rate(rates.follower, now);
  // All at once: what one waits for, its disk perhaps, must not hold up an election on another.
  std::vector<Task<void>> taking_over;
  taking_over.reserve(shards_.size());
  for (auto& shard : shards_) {
    taking_over.push_back([](BrokerShard& one, cluster::ImagePtr known) -> Task<void> {
      co_await one.shard().call(
          [&one, known = std::move(known)]() mutable { return one.apply(std::move(known)); });
    }(*shard, image));
  }
  image = nullptr;
  co_await runtime::when_all(std::move(taking_over));
}

Task<void> Broker::follow(cluster::ImagePtr before, cluster::ImagePtr after) {
  std::vector<std::pair<std::string, TopicId>> vanished;
  for (const auto& [name, topic] : before->topics()) {
    if (after->find(topic->id) == nullptr) vanished.emplace_back(name, topic->id);
  }
  before = nullptr;  // many may be under way, and each would hold an image
  co_await apply(std::move(after));
  if (!vanished.empty()) co_await unknown_logs_.vanished(std::move(vanished));
}

Task<void> Broker::compare_store_with(cluster::ImagePtr image) {
  std::vector<TopicPartition> unknown;
  for (const TopicPartition& id : co_await store_->list()) {
    const cluster::PartitionState* const state = image->find(id);
    if (state == nullptr) {
      unknown.push_back(id);
    } else if (std::ranges::find(state->replicas, options_.id) == state->replicas.end()) {
      co_await drop_moved(id, *state);
    }
  }
  co_await unknown_logs_.decide(std::move(unknown));
}

// Its replica was moved to another broker while this one was down. That an election came after it proves that those who were asked
// had what was committed, and that the store is not an older one that never knew of this replica (rule 3). A log of the same
// epoch as the store's is kept, and one that followed a leader of which the store knows nothing, or no more.
Task<void> Broker::drop_moved(TopicPartition id, cluster::PartitionState state) {
  auto dropped =
      co_await runtime_.shard(store_->shard_of(id))
          .call([store = store_.get(), id, state = std::move(state)]() -> Task<Result<void>> {
            const storage::Log* const log = store->find(id);
            const auto latest =
                log == nullptr || log->start() == log->end() ? std::nullopt : log->epochs().latest();
            const auto& recent = state.recent_epochs;
            const bool proven =
                !latest || (*latest < state.leader_epoch &&
                            (recent.empty() || std::ranges::find(recent, *latest) != recent.end()));
            if (!proven) co_return fail(ErrorKind::conflict, "");
            auto gone = co_await store->drop(id);
            if (!gone) co_return fail(ErrorKind::io, gone.error().message);
            co_return Result<void>();
          });
  if (dropped) co_return;
  const bool kept = dropped.error().kind == ErrorKind::conflict;
  diagnostics_.emit({Severity::warning,
                     kept ? "storage.moved_partition_kept" : "storage.partition_not_dropped",
                     kept ? "a log whose replica was moved to another broker is kept and not served, for no "
                            "leader was elected since: where the partition is well, its folder may be deleted"
                          : dropped.error().message,
                     {{"topic_id", to_string(id.topic)}, {"partition", to_string(id.partition)}}});
}

Task<Result<void>> Broker::stop() {
  ready_ = false;
  // Leadership goes to others first, while everything is still served here.
  if (options_.clustered) co_await leave();
  co_await end_serving();
  co_return co_await close_parts();
}

Task<void> Broker::leave() {
  const Duration patience = options_.shutdown_timeout / 2;
  leaving_.spawn(runtime_.shard(0), hand_over(patience));
  // Without the store nobody can take over: what is under way then ends with the metadata, in close_parts().
  const MonotonicTime deadline = runtime_.shard(0).now() + patience;
  while (!left_ && co_await has_left_.wait_until(deadline)) {
  }
}

Task<void> Broker::hand_over(Duration patience) {
  co_await metadata_->leave(patience);
  left_ = true;
  has_left_.notify_all();
}

// Who waits for replicas that do not come would hold the stop up for as long as his client allows.
Task<void> Broker::give_up_commits(MonotonicTime deadline) {
  while (!served_ && co_await has_served_.wait_until(deadline)) {
  }
  if (served_) co_return;
  for (auto& shard : shards_) co_await shard->shard().call([&shard = *shard] { shard.give_up_commits(); });
}

Task<void> Broker::end_serving() {
  stopping_ = true;
  const MonotonicTime deadline = runtime_.shard(0).now() + options_.shutdown_timeout;
  leaving_.spawn(runtime_.shard(0), give_up_commits(deadline));
  // Joins and Syncs that wait for other members would hold their connections up to the deadline.
  // All at once, for each may wait for a disk.
  std::vector<Task<void>> stopping;
  stopping.reserve(shards_.size());
  for (auto& shard : shards_) {
    stopping.push_back([](BrokerShard& one) -> Task<void> {
      co_await one.shard().call([&one] { return one.groups().stop(); });
    }(*shard));
  }
  co_await runtime::when_all(std::move(stopping));
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await runtime_.shard(i).call([this, i, deadline]() -> Task<void> {
      Serving& serving = *serving_[i];
      serving.ended.notify_all();
      for (auto& listener : serving.listeners) listener->close();
      // Requests under way get their answers; a connection that waits for its client is closed.
      for (OpenConnection* connection : serving.connections) connection->finish();
      shards_[i]->open_up();
      shards_[i]->end_long_polls();
      runtime::Timer timer(runtime_.shard(i));
      timer.start(deadline, [&serving] {
        for (OpenConnection* connection : serving.connections) connection->abort();
      });
      co_await serving.tasks.close();
    });
  }
  served_ = true;
  has_served_.notify_all();
}

Task<Result<void>> Broker::close_parts() {
  co_await unknown_logs_.stop();
  for (const auto& shard : shards_) {
    co_await shard->shard().call([&shard = *shard] { return shard.end_replication(); });
  }
  if (metadata_ != nullptr) co_await metadata_->close();
  for (const auto& shard : shards_) {
    co_await shard->shard().call([&shard = *shard] { return shard.end_changes(); });
  }
  co_await leaving_.close();
  Result<void> closed;
  if (store_ != nullptr) closed = co_await store_->close();
  for (size_t i = 0; i < shards_.size(); ++i) {
    co_await runtime_.shard(i).call([this, i] {
      serving_[i].reset();
      shards_[i].reset();
    });
  }
  co_return closed;
}

}  // namespace godwit::broker
