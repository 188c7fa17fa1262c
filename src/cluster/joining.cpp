#include "cluster/joining.h"

#include <algorithm>

namespace godwit::cluster {

using runtime::Task;
using namespace std::chrono_literals;

namespace {

constexpr Duration kPauseFirst = 10ms;
constexpr Duration kPauseMax = 500ms;
constexpr Duration kAskToLeaveEvery = 50ms;

using Request = kafka::BrokerReportRequest;

// Whether a partition that `self` leads has another live replica, which may catch up and lead.
bool others_could_lead(const Image& image, BrokerId self) {
  for (const auto& [name, topic] : image.topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition.leader != self) continue;
      if (std::ranges::any_of(partition.replicas,
                              [&](BrokerId id) { return id != self && image.brokers.contains(id); }))
        return true;
    }
  }
  return false;
}

}  // namespace

Joining::Joining(const MetadataOptions& options, Registration& registration, PollClient& poll,
                 ControllerLink& link, Bell& bell, DiagnosticSink& diagnostics)
    : options_(options),
      registration_(registration),
      poll_(poll),
      link_(link),
      bell_(bell),
      diagnostics_(diagnostics) {}

bool Joining::shown() const {
  const ImagePtr image = poll_.image();
  const auto found = image->brokers.find(options_.self.id);
  return found != image->brokers.end() && found->second.incarnation == registration_.incarnation();
}

bool Joining::joined() const {
  return joined_ == registration_.incarnation() && shown();
}

Task<void> Joining::run() {
  while (!bell_.closed()) {
    const uint64_t seen = bell_.rung();
    const uint64_t incarnation = registration_.incarnation();
    if (!leaving_ && incarnation != 0 && poll_.known_as() == incarnation) {
      if (joined_ == incarnation && shown()) seen_ = true;
      // It was in and is not any more: a controller that did not know. Join again; it may want another incarnation.
      if (joined_ == incarnation && seen_ && !shown()) joined_ = 0;
      if (joined_ != incarnation) {
        co_await join(incarnation);
        continue;
      }
      const bool forgotten = !can_append_ && told_fence_ != poll_.image()->version.fence;
      const bool compare = options_.later_logs && compared_fence_ != poll_.image()->version.fence;
      if (can_append_ != told_append_ || forgotten || compare) {
        co_await report_health(incarnation);
        continue;
      }
    }
    co_await bell_.wait(seen);
  }
}

Request Joining::request(uint64_t incarnation, int8_t kind) const {
  Request request;
  request.cluster_id = registration_.cluster_id();
  request.broker_id = options_.self.id;
  request.incarnation = static_cast<int64_t>(incarnation);
  request.kind = kind;
  request.can_append = can_append_;
  return request;
}

Task<void> Joining::add_later_logs(Request& request, ImagePtr image) {
  if (!options_.later_logs) co_return;
  for (const LaterLog& log : co_await options_.later_logs(image)) {
    request.later_logs.push_back({log.id.topic, log.id.partition, log.epoch, log.end});
  }
}

// Not longer than until the next news of the controller.
Task<void> Joining::pause() {
  pause_ = std::clamp(pause_ * 2, kPauseFirst, kPauseMax);
  const uint64_t generation = link_.generation();
  const MonotonicTime until = runtime::Shard::current()->now() + pause_;
  while (!bell_.closed() && generation == link_.generation() && runtime::Shard::current()->now() < until) {
    co_await bell_.wait(bell_.rung(), until);
  }
}

Task<void> Joining::join(uint64_t incarnation) {
  // The controller answered a poll of this incarnation, so it takes the one before for dead, durably: nobody puts this broker into
  // an ISR of which this image does not tell.
  const ImagePtr image = poll_.image();
  // What this broker is yet to make of it is not lost.
  while (!bell_.closed() && poll_.served() < image->version) co_await bell_.wait(bell_.rung());
  if (bell_.closed() || leaving_ || incarnation != registration_.incarnation()) co_return;
  Request report = request(incarnation, Request::kJoin);
  report.storage_id = options_.storage_id;
  report.has_logs = !options_.has_logs || options_.has_logs();
  if (options_.unproven) {
    auto unproven = co_await options_.unproven(image);
    std::ranges::sort(unproven);
    for (const TopicPartition& id : unproven) {
      if (report.unproven.empty() || report.unproven.back().topic != id.topic)
        report.unproven.push_back({id.topic, {}});
      report.unproven.back().partitions.push_back(id.partition);
    }
  }
  co_await add_later_logs(report, image);
  const bool can_append = can_append_;
  report.can_append = can_append;
  const auto answer = co_await link_.report(std::move(report));
  if (bell_.closed() || leaving_ || incarnation != registration_.incarnation()) co_return;
  const ErrorCode code = answer ? answer->error_code : ErrorCode::not_controller;
  if (code == ErrorCode::stale_broker_epoch) {
    registration_.renew(incarnation);
    co_await pause();
    co_return;
  }
  if (code == ErrorCode::unsupported_version) {
    // Only where the level was raised while this broker registered: a registration is refused before.
    if (!refusal_) diagnostics_.emit({Severity::error, "broker.build_refused", answer->message});
    refusal_ = Error{ErrorKind::unsupported, answer->message};
    bell_.ring();
  }
  if (code != ErrorCode::none) {
    co_await pause();
    co_return;
  }
  refusal_.reset();
  joined_ = incarnation;
  seen_ = false;
  told_append_ = can_append;
  told_fence_ = image->version.fence;
  compared_fence_ = image->version.fence;
  pause_ = {};
  diagnostics_.emit(
      {Severity::info,
       "broker.joined",
       "this broker is part of the cluster",
       {{"broker", to_string(options_.self.id)}, {"incarnation", std::to_string(incarnation)}}});
  bell_.ring();
}

void Joining::set_can_append(bool can_append) {
  if (std::exchange(can_append_, can_append) != can_append) bell_.ring();
}

Task<void> Joining::report_health(uint64_t incarnation) {
  const bool can_append = can_append_;
  const ImagePtr image = poll_.image();
  const int64_t fence = image->version.fence;
  Request report = request(incarnation, Request::kHealth);
  report.can_append = can_append;
  if (compared_fence_ != fence) {
    co_await add_later_logs(report, image);
    // Seldom is there anything to say of it.
    if (report.later_logs.empty() && can_append == told_append_ && (can_append || told_fence_ == fence)) {
      compared_fence_ = fence;
      co_return;
    }
  }
  const auto answer = co_await link_.report(std::move(report));
  if (answer && answer->error_code == ErrorCode::none) {
    compared_fence_ = fence;
    told_append_ = can_append;
    told_fence_ = fence;
    pause_ = {};
    co_return;
  }
  // Another incarnation is joined under first: the poll finds out.
  co_await pause();
}

Task<void> Joining::leave(Duration patience) {
  leaving_ = true;
  runtime::Shard& shard = *runtime::Shard::current();
  const MonotonicTime deadline = shard.now() + patience;
  while (!bell_.closed()) {
    const auto answer = co_await link_.report(request(registration_.incarnation(), Request::kLeave));
    const bool known = answer && answer->error_code == ErrorCode::none;
    if (known && (answer->still_leading == 0 || !others_could_lead(*poll_.image(), options_.self.id))) break;
    // Declared dead: nothing is led any more.
    if (answer && answer->error_code == ErrorCode::stale_broker_epoch) break;
    if (shard.now() + kAskToLeaveEvery > deadline) break;
    co_await bell_.sleep(kAskToLeaveEvery);
  }
}

}  // namespace godwit::cluster
