#include "cluster/poll_client.h"

#include "base/check.h"
#include "cluster/image_wire.h"

namespace godwit::cluster {

using runtime::Task;
using namespace std::chrono_literals;

namespace {

// An answer without news after so long: shows that the controller is there.
constexpr int32_t kMaxWaitMs = 1000;
// What is taken over quickly is acknowledged with the very next question; while it takes longer, answers come so often that an
// acknowledgement is soon.
constexpr Duration kServedSoon = 20ms;
constexpr int32_t kMaxWaitServingMs = 50;
// So many images at most are taken over at a time: then the next one waits, however long that lasts.
constexpr size_t kServingMax = 1000;
constexpr Duration kPauseFirst = 20ms;
constexpr Duration kPauseMax = 1s;
constexpr Duration kTellAfter = 5s;

}  // namespace

PollClient::PollClient(Registration& registration, ControllerLink& link, Bell& bell,
                       DiagnosticSink& diagnostics)
    : registration_(registration), link_(link), bell_(bell), diagnostics_(diagnostics) {
  image_.store(std::make_shared<const Image>());
}

Task<void> PollClient::run() {
  runtime::Shard& shard = *runtime::Shard::current();
  Duration pause_next = kPauseFirst;
  MonotonicTime told = shard.now();
  while (!bell_.closed()) {
    // Asked before its registration stands in the store, the controller would take it for one that is over.
    if (!registration_.announced()) {
      co_await bell_.wait(bell_.rung());
      continue;
    }
    co_await wait_to_serve(serving_.size() < kServingMax ? kServedSoon : Duration::max());
    if (bell_.closed()) break;
    const uint64_t generation = link_.generation();
    Asked asked;
    auto answer = co_await link_.poll(next_question(asked));
    if (bell_.closed()) break;
    Result<void> taken = answer ? take(asked, std::move(*answer)) : fail(answer.error());
    if (taken) {
      pause_next = kPauseFirst;
      told = shard.now();
      continue;
    }
    if (shard.now() - told > kTellAfter) {
      told = shard.now();
      diagnostics_.emit({Severity::warning,
                         "controller.silent",
                         "no controller answers; the broker goes on with what it knows",
                         {{"error", taken.error().describe()}}});
    }
    co_await pause(generation, pause_next);
    pause_next = generation == link_.generation() ? std::min(pause_next * 2, kPauseMax) : kPauseFirst;
  }
}

// As soon as somebody else holds the office, it is asked at once.
Task<void> PollClient::pause(uint64_t generation, Duration pause) {
  const MonotonicTime until = runtime::Shard::current()->now() + pause;
  while (!bell_.closed() && generation == link_.generation() && runtime::Shard::current()->now() < until) {
    co_await bell_.wait(bell_.rung(), until);
  }
}

kafka::ClusterPollRequest PollClient::next_question(Asked& asked) const {
  asked.incarnation = registration_.incarnation();
  kafka::ClusterPollRequest request;
  request.cluster_id = registration_.cluster_id();
  request.broker_id = registration_.self().id;
  request.incarnation = static_cast<int64_t>(asked.incarnation);
  request.max_wait_ms = kMaxWaitMs;
  request.undecided = undecided_;
  if (everything_) return request;
  asked.served = served_;
  asked.known = image()->version;
  request.fence = served_.fence;
  request.sequence = served_.sequence;
  if (asked.known != asked.served) {
    request.known_fence = asked.known.fence;
    request.known_sequence = asked.known.sequence;
    request.max_wait_ms = kMaxWaitServingMs;
  }
  return request;
}

Result<void> PollClient::take(const Asked& asked, kafka::ClusterPollResponse answer) {
  switch (answer.error_code) {
    case ErrorCode::none:
      break;
    case ErrorCode::stale_broker_epoch:
      registration_.renew(asked.incarnation);
      return fail(ErrorKind::conflict, "the controller takes this broker's incarnation for dead");
    default:
      return fail(ErrorKind::unavailable,
                  "the controller's answer: " + std::string(to_string(answer.error_code)));
  }
  const ImagePtr before = image();
  const ImageVersion base = answer.since_known ? asked.known : asked.served;
  // A controller of an earlier build tells what changed since what is served: of use once all that is known is served.
  const bool of_use = answer.full || answer.since_known || asked.known == asked.served;
  if (of_use) GW_TRY(return, take_image(base, answer));
  answered_ns_.store(runtime::Shard::current()->now().time_since_epoch().count(), std::memory_order_relaxed);
  if (of_use && std::exchange(answered_as_, asked.incarnation) != asked.incarnation)
    answered_with_ = image()->version;
  note_known_as();
  if (before != image()) bell_.ring();
  return {};
}

void PollClient::learn(kafka::ClusterPollResponse news) {
  if (news.error_code != ErrorCode::none || bell_.closed()) return;
  if (ImageVersion{news.fence, news.sequence} > image()->version) (void)take_image(ImageVersion{}, news);
}

Result<void> PollClient::take_image(ImageVersion base, const kafka::ClusterPollResponse& answer) {
  const ImagePtr before = image();
  const ImageVersion version{answer.fence, answer.sequence};
  if (version < before->version) {
    // A controller that does not know yet that its office is somebody else's.
    return fail(ErrorKind::conflict, "the controller's state is older than what this broker knows");
  }
  if (!answer.full && version > before->version && base != before->version) {
    // Others told more meanwhile: the next question goes on from there.
    return fail(ErrorKind::conflict, "what changed since an older state does not lead on from this one");
  }
  if (version > before->version || answer.full) {
    auto applied = apply(*before, answer);
    if (!applied) {
      everything_ = true;
      diagnostics_.emit({Severity::error,
                         "image.rejected",
                         "what the controller sent does not fit; everything is asked for",
                         {{"error", applied.error().describe()}}});
      return fail(applied.error());
    }
    ImagePtr after = std::make_shared<const Image>(std::move(*applied));
    if (after->cluster_id != registration_.cluster_id()) {
      return fail(ErrorKind::conflict, "the controller belongs to cluster " + after->cluster_id);
    }
    everything_ = false;
    image_.store(after);
    bell_.ring();
    serve(before, std::move(after));
  }
  return {};
}

void PollClient::serve(ImagePtr before, ImagePtr after) {
  serving_.push_back({after->version, false});
  if (on_change_) {
    // A copy: the callback may be replaced while it runs.
    if (serving_gate_.spawn(*runtime::Shard::current(),
                            call(on_change_, std::move(before), std::move(after))))
      return;
  }
  serving_.back().done = true;
  note_served();
}

Task<void> PollClient::call(OnChange callback, ImagePtr before, ImagePtr after) {
  const ImageVersion version = after->version;
  co_await callback(std::move(before), std::move(after));
  for (Serving& one : serving_) {
    if (one.version == version && !std::exchange(one.done, true)) break;
  }
  note_served();
}

// What was done out of turn counts when all before it is done.
void PollClient::note_served() {
  const ImageVersion before = served_;
  while (!serving_.empty() && serving_.front().done) {
    served_ = serving_.front().version;
    serving_.pop_front();
  }
  GW_CHECK(served_ >= before && served_ <= image()->version, "a broker serves no more than it knows");
  if (served_ == before) return;
  note_known_as();
  bell_.ring();
}

void PollClient::note_known_as() {
  if (served_ < answered_with_) return;
  if (std::exchange(known_as_, answered_as_) != answered_as_) bell_.ring();
}

Task<void> PollClient::wait_to_serve(Duration patience) {
  const MonotonicTime until =
      patience == Duration::max() ? MonotonicTime::max() : runtime::Shard::current()->now() + patience;
  while (!bell_.closed() && !serving_.empty() && runtime::Shard::current()->now() < until) {
    co_await bell_.wait(bell_.rung(), until);
  }
}

bool PollClient::answered_within(Duration duration, MonotonicTime now) const {
  return now - MonotonicTime(MonotonicTime::duration(answered_ns_.load(std::memory_order_relaxed))) <=
         duration;
}

Task<void> PollClient::reached(ImageVersion version, Duration patience) {
  const MonotonicTime until = runtime::Shard::current()->now() + patience;
  while (!bell_.closed() && served_ < version && runtime::Shard::current()->now() < until) {
    co_await bell_.wait(bell_.rung(), until);
  }
}

}  // namespace godwit::cluster
