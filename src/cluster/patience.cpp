#include "cluster/patience.h"

#include <algorithm>

namespace godwit::cluster {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPauseFirst = 20ms;
constexpr Duration kPauseMax = 1s;
constexpr Duration kTellEvery = 10s;

std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace

runtime::Task<bool> Patience::pause(Error why) {
  const MonotonicTime now = runtime::Shard::current()->now();
  if (!waiting_) {
    waiting_ = true;
    since_ = now;
    next_ = kPauseFirst;
  }
  if (!told_ || now - *told_ >= kTellEvery) {
    told_ = now;
    told_this_time_ = true;
    diagnostics_.emit({Severity::warning,
                       name_ + ".waiting",
                       "waiting for " + what_ + "; it is tried again until it answers",
                       {{"error", why.describe()}, {"for", seconds(now - since_)}}});
  }
  const Duration pause = next_;
  next_ = std::min(next_ * 2, kPauseMax);
  co_return co_await bell_.sleep(pause);
}

void Patience::over() {
  if (!waiting_) return;
  waiting_ = false;
  if (!std::exchange(told_this_time_, false)) return;
  const MonotonicTime now = runtime::Shard::current()->now();
  diagnostics_.emit(
      {Severity::info, name_ + ".back", what_ + " answers again", {{"after", seconds(now - since_)}}});
}

}  // namespace godwit::cluster
