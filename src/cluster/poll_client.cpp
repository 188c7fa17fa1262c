#include "cluster/poll_client.h"

#include "cluster/image_wire.h"

namespace godwit::cluster {

using runtime::Task;
using namespace std::chrono_literals;

namespace {

// An answer without news after so long: shows that the controller is there.
constexpr int32_t kMaxWaitMs = 1000;
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
    const uint64_t generation = link_.generation();
    kafka::ClusterPollRequest request;
    request.cluster_id = registration_.cluster_id();
    request.broker_id = registration_.self().id;
    request.incarnation = static_cast<int64_t>(registration_.incarnation());
    if (!everything_) {
      request.fence = served_.fence;
      request.sequence = served_.sequence;
    }
    request.max_wait_ms = kMaxWaitMs;
    request.undecided = undecided_;
    const uint64_t incarnation = registration_.incarnation();
    const ImageVersion asked{request.fence, request.sequence};
    auto answer = co_await link_.poll(std::move(request));
    if (bell_.closed()) break;
    Result<void> taken;
    if (answer) {
      taken = co_await take(incarnation, asked, std::move(*answer));
    } else {
      taken = fail(answer.error());
    }
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

Task<Result<void>> PollClient::take(uint64_t incarnation, ImageVersion asked,
                                    kafka::ClusterPollResponse answer) {
  switch (answer.error_code) {
    case ErrorCode::none:
      break;
    case ErrorCode::stale_broker_epoch:
      registration_.renew(incarnation);
      co_return fail(ErrorKind::conflict, "the controller takes this broker's incarnation for dead");
    default:
      co_return fail(ErrorKind::unavailable,
                     "the controller's answer: " + std::string(to_string(answer.error_code)));
  }
  const ImagePtr before = image();
  GW_TRY(co_return, co_await take_image(asked, std::move(answer)));
  answered_ns_.store(runtime::Shard::current()->now().time_since_epoch().count(), std::memory_order_relaxed);
  if (std::exchange(known_as_, incarnation) != incarnation || before != image()) bell_.ring();
  co_return Result<void>();
}

Task<void> PollClient::learn(kafka::ClusterPollResponse news) {
  if (news.error_code != ErrorCode::none || bell_.closed()) co_return;
  if (ImageVersion{news.fence, news.sequence} > image()->version)
    (void)co_await take_image(ImageVersion{}, std::move(news));
}

Task<Result<void>> PollClient::take_image(ImageVersion asked, kafka::ClusterPollResponse answer) {
  const auto lock = co_await taking_.lock();
  const ImagePtr before = image();
  const ImageVersion version{answer.fence, answer.sequence};
  if (version < before->version) {
    // A controller that does not know yet that its office is somebody else's.
    co_return fail(ErrorKind::conflict, "the controller's state is older than what this broker knows");
  }
  if (!answer.full && version > before->version && asked != before->version) {
    // Others told more meanwhile: the next question goes on from there.
    co_return fail(ErrorKind::conflict, "what changed since an older state does not lead on from this one");
  }
  if (version > before->version || answer.full) {
    auto applied = apply(*before, answer);
    if (!applied) {
      everything_ = true;
      diagnostics_.emit({Severity::error,
                         "image.rejected",
                         "what the controller sent does not fit; everything is asked for",
                         {{"error", applied.error().describe()}}});
      co_return fail(applied.error());
    }
    const ImagePtr after = std::make_shared<const Image>(std::move(*applied));
    if (after->cluster_id != registration_.cluster_id()) {
      co_return fail(ErrorKind::conflict, "the controller belongs to cluster " + after->cluster_id);
    }
    everything_ = false;
    image_.store(after);
    bell_.ring();
    if (on_change_) {
      // A copy: the callback may be replaced while it runs.
      const OnChange callback = on_change_;
      co_await callback(before, after);
    }
    served_ = after->version;
  }
  co_return Result<void>();
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
