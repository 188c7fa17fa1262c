#include "cluster/cluster_metadata.h"

#include "cluster/counter.h"
#include "cluster/image_wire.h"

namespace godwit::cluster {

using runtime::Task;
using namespace std::chrono_literals;

namespace {

// How long a change waits for this broker's own image.
constexpr Duration kCatchUpMax = 1s;
constexpr Duration kSeekEvery = 200ms;
constexpr Duration kForwardPause = 50ms;
constexpr Duration kAskOthersEvery = 500ms;
constexpr Duration kAskOthersTimeout = 500ms;
// In place of a poll's longest wait: not as the controller, but as one who may have heard it.
constexpr int32_t kTellWhatYouKnow = -1;
// The longest that a poll waits for a controller that is opening: no more than what polls ask for anyway.
constexpr int32_t kOpeningMaxMs = 1000;

tl::unexpected<Refusal> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(Refusal{code, std::move(message)});
}
tl::unexpected<Refusal> not_here() {
  return refuse(ErrorCode::not_controller, "another broker holds the office of controller");
}
// What a client is told when the store does not do it: to try again.
tl::unexpected<Refusal> refuse(const Error& error) {
  return refuse(ErrorCode::request_timed_out, "the coordination store: " + error.message);
}
template <class T>
std::vector<Changed<void>> all_not_here(const std::vector<T>& wishes) {
  return std::vector<Changed<void>>(wishes.size(), Changed<void>(not_here()));
}

LivenessOptions liveness_options(const MetadataOptions& options) {
  LivenessOptions out;
  out.self = options.self.id;
  out.listener = options.listener;
  return out;
}

}  // namespace

ClusterMetadata::ClusterMetadata(MetadataOptions options, coordination::Coordination& store,
                                 runtime::Runtime& runtime, DiagnosticSink& diagnostics, Office::Open open)
    : options_(std::move(options)),
      store_(store),
      runtime_(runtime),
      roster_(store, bell_, diagnostics, options_.session_timeout),
      registration_(options_, store, runtime, bell_, roster_, diagnostics),
      link_(options_.self.id, runtime),
      poll_(registration_, link_, bell_, diagnostics),
      joining_(options_, registration_, poll_, link_, bell_, diagnostics),
      liveness_(liveness_options(options_), runtime, diagnostics,
                [this](BrokerId id, uint64_t incarnation, Liveness::State state, const std::string& why) {
                  office_.heard(id, incarnation, state, why);
                  if (state == Liveness::State::broken && on_suspicion_) on_suspicion_(id);
                }),
      office_(options_, {store, runtime, diagnostics, bell_, registration_, roster_, liveness_, link_, poll_},
              std::move(open)) {
  self_ = options_.self.id;
}

ClusterMetadata::~ClusterMetadata() = default;

Task<Result<void>> ClusterMetadata::begin(std::function<void(Metadata&)> early) {
  if (early) early(*this);
  auto begun = co_await registration_.begin();
  if (!begun) {
    co_await close();
    co_return fail(begun.error());
  }
  incarnation_ = registration_.incarnation();
  liveness_.belong_to(registration_.cluster_id());
  begun_ = true;
  runtime::Shard& shard = runtime_.shard(0);
  gate_.spawn(shard, roster_.run());
  gate_.spawn(shard, registration_.run());
  gate_.spawn(shard, office_.run());
  gate_.spawn(shard, poll_.run());
  gate_.spawn(shard, joining_.run());
  gate_.spawn(shard, follow());
  gate_.spawn(shard, seek_controller());
  gate_.spawn(shard, ask_others());
  while (!bell_.closed() && !joining_.joined()) {
    const uint64_t seen = bell_.rung();
    const auto& damage = office_.damage() ? office_.damage() : joining_.refusal();
    if (damage) {
      const Error error = *damage;
      co_await close();
      co_return fail(error);
    }
    co_await bell_.wait(seen);
  }
  if (bell_.closed()) co_return fail(ErrorKind::closed, "the broker is being stopped");
  co_return Result<void>();
}

// Passes on what one part must hear of the others.
Task<void> ClusterMetadata::follow() {
  uint64_t reads = 0;
  while (!bell_.closed()) {
    const uint64_t seen = bell_.rung();
    incarnation_ = registration_.incarnation();
    if (roster_.reachable() && std::exchange(reads, roster_.reads()) != roster_.reads())
      link_.at(roster_.holder());
    // Whoever is registered, and whoever the image takes for alive; where they differ the newer incarnation.
    auto brokers = image()->brokers;
    for (const auto& [id, registered] : roster_.brokers()) {
      auto& info = brokers[id];
      if (registered.info.incarnation >= info.incarnation) info = registered.info;
    }
    liveness_.watch(brokers);
    link_.at_level(image()->feature_level);
    co_await bell_.wait(seen);
  }
}

// Where the store is out of reach for this broker alone, others know who the controller is.
Task<void> ClusterMetadata::seek_controller() {
  while (co_await bell_.sleep(kSeekEvery)) {
    if (!roster_.known() || roster_.reachable() ||
        poll_.answered_within(kSeekEvery * 5, runtime_.shard(0).now()))
      continue;
    const ImagePtr now = image();
    for (const auto& [id, info] : now->brokers) {
      if (id == self_) continue;
      const auto answer = co_await liveness_.probe(info);
      if (bell_.closed()) co_return;
      if (!answer || answer->controller == kNoBroker || roster_.reachable()) continue;
      const auto found = now->brokers.find(answer->controller);
      if (found == now->brokers.end() || found->first == self_ || found->first == link_.whom()) continue;
      Holder holder;
      holder.id = found->first;
      holder.incarnation = found->second.incarnation;
      holder.address = address_of(found->second, options_.listener);
      link_.at(holder);
      break;
    }
  }
}

// While no controller answers others may hear one (docs/decisions/0012): a leader learns from them that it leads no more, and whom
// to follow.
Task<void> ClusterMetadata::ask_others() {
  peer::ConnectionOptions how;
  how.client_id = "broker-" + to_string(self_);
  how.connect_timeout = kAskOthersTimeout;
  how.request_timeout = kAskOthersTimeout;
  while (co_await bell_.sleep(kAskOthersEvery)) {
    if (poll_.answered_within(options_.session_timeout, runtime_.shard(0).now())) continue;
    const auto brokers = image()->brokers;
    for (const auto& [id, info] : brokers) {
      const runtime::Endpoint at = address_of(info, options_.listener);
      if (id == self_ || id == link_.whom() || at.host.empty()) continue;
      const auto connection = co_await peer::Connection::connect(runtime_.network(), at, how);
      if (bell_.closed()) co_return;
      if (!connection) continue;
      kafka::ClusterPollRequest request;
      request.cluster_id = registration_.cluster_id();
      request.broker_id = self_;
      request.incarnation = static_cast<int64_t>(registration_.incarnation());
      request.fence = image()->version.fence;
      request.sequence = image()->version.sequence;
      request.max_wait_ms = kTellWhatYouKnow;
      auto answer = co_await (*connection)->call(std::move(request));
      if (bell_.closed()) co_return;
      if (answer) poll_.learn(std::move(*answer));
    }
  }
}

void ClusterMetadata::on_change(std::function<Task<void>(ImagePtr, ImagePtr)> callback) {
  poll_.on_change(std::move(callback));
}

bool ClusterMetadata::suspected(BrokerId id) const {
  const ImagePtr now = image();
  const auto found = now->brokers.find(id);
  // Dead, or not there yet: also where others of this broker still go by an image that has it, and name it as a leader.
  if (found == now->brokers.end()) return id != self_;
  // This incarnation was declared dead, and what it led is somebody else's: the image that says so comes with joining again.
  if (id == self_) return registration_.declared_dead(found->second.incarnation);
  return liveness_.suspected(id, found->second.incarnation);
}

bool ClusterMetadata::lease_holds() const {
  // The clock is the same for all shards; a foreign thread reads it through the first one's.
  const runtime::Shard* const here = runtime::Shard::current();
  const MonotonicTime now = (here != nullptr ? *here : runtime_.shard(0)).now();
  return registration_.holds() && poll_.answered_within(2 * options_.session_timeout, now);
}

Task<void> ClusterMetadata::caught_up(const Controller& controller) {
  co_await poll_.reached(controller.image()->version, kCatchUpMax);
}

Task<Changed<std::shared_ptr<const Topic>>> ClusterMetadata::create_topic(NewTopic topic,
                                                                          bool validate_only) {
  const auto controller = office_.controller();
  if (!controller) co_return not_here();
  auto done = co_await controller->create_topic(std::move(topic), validate_only);
  if (done && !validate_only) co_await caught_up(*controller);
  co_return done;
}

Task<Changed<void>> ClusterMetadata::delete_topic(TopicId id) {
  const auto controller = office_.controller();
  if (!controller) co_return not_here();
  auto done = co_await controller->delete_topic(id);
  if (done) co_await caught_up(*controller);
  co_return done;
}

Task<Changed<void>> ClusterMetadata::create_partitions(TopicId id, int32_t count,
                                                       std::vector<std::vector<BrokerId>> assignment,
                                                       bool validate_only) {
  const auto controller = office_.controller();
  if (!controller) co_return not_here();
  auto done = co_await controller->create_partitions(id, count, std::move(assignment), validate_only);
  if (done && !validate_only) co_await caught_up(*controller);
  co_return done;
}

Task<Changed<void>> ClusterMetadata::alter_topic_config(TopicId id, ConfigEdit change, bool validate_only) {
  const auto controller = office_.controller();
  if (!controller) co_return not_here();
  auto done = co_await controller->alter_topic_config(id, std::move(change), validate_only);
  if (done && !validate_only) co_await caught_up(*controller);
  co_return done;
}

Task<Changed<void>> ClusterMetadata::alter_broker_config(BrokerId id, ConfigEdit change, bool validate_only) {
  const auto controller = office_.controller();
  if (!controller) co_return not_here();
  auto done = co_await controller->alter_broker_config(id, std::move(change), validate_only);
  if (done && !validate_only) co_await caught_up(*controller);
  co_return done;
}

Task<std::vector<Changed<void>>> ClusterMetadata::reassign(std::vector<Reassignment> wishes) {
  const auto controller = office_.controller();
  if (!controller) co_return all_not_here(wishes);
  auto done = co_await controller->reassign(std::move(wishes));
  co_await caught_up(*controller);
  co_return done;
}

Task<std::vector<Changed<void>>> ClusterMetadata::elect(bool unclean,
                                                        std::vector<TopicPartition> partitions) {
  const auto controller = office_.controller();
  if (!controller) co_return all_not_here(partitions);
  auto done = co_await controller->elect(unclean, std::move(partitions));
  co_await caught_up(*controller);
  co_return done;
}

Task<std::vector<IsrOutcome>> ClusterMetadata::alter_isr(std::vector<IsrChange> changes) {
  return link_.alter_isr(registration_.incarnation(), std::move(changes));
}

Task<Result<Bytes>> ClusterMetadata::forward(kafka::ForwardRequest request, Duration timeout) {
  const MonotonicTime deadline = runtime_.shard(0).now() + timeout;
  request.cluster_id = registration_.cluster_id();
  Error last{ErrorKind::unavailable, "nobody holds the office of controller"};
  while (!bell_.closed()) {
    const Duration left = deadline - runtime_.shard(0).now();
    if (left <= Duration::zero()) break;
    auto answer = co_await link_.forward(request, left);
    if (answer && answer->error_code == ErrorCode::none) co_return std::move(answer->body);
    if (answer && answer->error_code != ErrorCode::not_controller) {
      co_return fail(ErrorKind::unavailable,
                     "the controller refuses the request: " + std::string(to_string(answer->error_code)));
    }
    // Sent, and the connection broke: doing it twice is not for us to decide.
    if (!answer && answer.error().kind != ErrorKind::unavailable) {
      co_return fail(ErrorKind::timed_out,
                     "the controller did not answer, and may have done it: " + answer.error().message);
    }
    if (!answer) last = answer.error();
    co_await bell_.wait(bell_.rung(), std::min(deadline, runtime_.shard(0).now() + kForwardPause));
  }
  co_return fail(ErrorKind::unavailable, "no controller answers: " + last.message);
}

Task<kafka::ClusterPollResponse> ClusterMetadata::serve_poll(kafka::ClusterPollRequest request) {
  kafka::ClusterPollResponse refusal;
  refusal.controller = link_.whom();
  if (request.cluster_id != registration_.cluster_id()) {
    refusal.error_code = ErrorCode::inconsistent_cluster_id;
    co_return refusal;
  }
  if (request.max_wait_ms == kTellWhatYouKnow) {
    const ImagePtr known = image();
    if (known->version > ImageVersion{request.fence, request.sequence}) co_return full(*known);
    refusal.error_code = ErrorCode::not_controller;
    co_return refusal;
  }
  const MonotonicTime deadline =
      runtime_.shard(0).now() + std::chrono::milliseconds(std::clamp(request.max_wait_ms, 0, kOpeningMaxMs));
  co_await office_.settled(deadline);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - runtime_.shard(0).now());
  request.max_wait_ms = std::min(request.max_wait_ms, std::max(0, static_cast<int32_t>(left.count())));
  co_await office_.learn(request.broker_id, static_cast<uint64_t>(request.incarnation));
  if (const auto controller = office_.controller()) co_return co_await controller->poll(std::move(request));
  refusal.controller = link_.whom();
  refusal.error_code = ErrorCode::not_controller;
  co_return refusal;
}

Task<kafka::BrokerReportResponse> ClusterMetadata::serve_report(kafka::BrokerReportRequest request) {
  kafka::BrokerReportResponse refusal;
  if (request.cluster_id != registration_.cluster_id()) {
    refusal.error_code = ErrorCode::inconsistent_cluster_id;
    co_return refusal;
  }
  co_await office_.learn(request.broker_id, static_cast<uint64_t>(request.incarnation));
  if (const auto controller = office_.controller()) co_return co_await controller->report(std::move(request));
  refusal.error_code = ErrorCode::not_controller;
  co_return refusal;
}

Task<std::vector<IsrOutcome>> ClusterMetadata::serve_alter_isr(BrokerId asker, uint64_t incarnation,
                                                               std::vector<IsrChange> changes) {
  if (const auto controller = office_.controller()) {
    co_return co_await controller->alter_isr(asker, incarnation, std::move(changes));
  }
  std::vector<IsrOutcome> outcomes;
  outcomes.reserve(changes.size());
  for (const auto& change : changes)
    outcomes.push_back({change.id, ErrorCode::not_controller, change.version});
  co_return outcomes;
}

kafka::BrokerProbeResponse ClusterMetadata::serve_probe(const kafka::BrokerProbeRequest& request) const {
  kafka::BrokerProbeResponse response;
  response.broker_id = self_;
  response.incarnation = static_cast<int64_t>(registration_.incarnation());
  response.healthy = !options_.healthy || options_.healthy();
  response.controller = link_.whom();
  const bool ours = !registration_.cluster_id().empty() && request.cluster_id == registration_.cluster_id();
  response.error_code = ours ? ErrorCode::none : ErrorCode::inconsistent_cluster_id;
  return response;
}

Task<kafka::ClusterCommandResponse> ClusterMetadata::serve_command(kafka::ClusterCommandRequest request) {
  if (const auto controller = office_.controller())
    co_return co_await controller->command(std::move(request));
  kafka::ClusterCommandResponse refusal;
  refusal.error_code = ErrorCode::not_controller;
  refusal.controller = link_.whom();
  co_return refusal;
}

Task<Changed<int64_t>> ClusterMetadata::reserve_producer_ids(int64_t count, int64_t at_least) {
  // Ids from a store that has forgotten this cluster would be given twice (rule 3).
  const auto cluster = co_await registration_.cluster_version();
  if (!cluster) co_return refuse(cluster.error());
  const auto first = co_await raise_counter(store_, std::string(keys::kProducerIds), count, at_least);
  if (!first) co_return refuse(first.error());
  co_return *first;
}

Task<Changed<std::vector<TopicId>>> ClusterMetadata::tombstones() {
  // Until it is known that they were read.
  poll_.set_undecided(true);
  const auto cluster = co_await registration_.cluster_version();
  if (!cluster) co_return refuse(cluster.error());
  const auto listed = co_await store_.list(std::string(keys::kTombstones));
  if (!listed) co_return refuse(listed.error());
  std::vector<TopicId> ids;
  for (const auto& entry : *listed) {
    if (const auto id = Uuid::parse(std::string_view(entry.key).substr(keys::kTombstones.size())))
      ids.push_back(*id);
  }
  poll_.set_undecided(false);
  co_return ids;
}

Task<void> ClusterMetadata::leave(Duration patience) {
  if (!begun_ || bell_.closed()) co_return;
  co_await joining_.leave(patience);
  co_await office_.give_up();
  co_await registration_.end();
}

Task<void> ClusterMetadata::close() {
  bell_.close();
  roster_.wake();
  poll_.close();
  link_.close();
  co_await liveness_.close();
  co_await gate_.close();
  co_await poll_.finish();
  co_await registration_.end();
}

}  // namespace godwit::cluster
