#include "cluster/event_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "cluster/stored_control.h"

namespace godwit::cluster {
namespace {

constexpr size_t kDescribed = 10;      // partitions named in one event
constexpr size_t kDetailMax = 8'000;   // characters
constexpr size_t kEventsPerKey = 50;   // so that an entry stays far below what a transaction takes
constexpr size_t kRemovedAtOnce = 50;  // keys

std::string list(const std::vector<BrokerId>& ids) {
  std::vector<int32_t> numbers;
  for (const BrokerId id : ids) numbers.push_back(id.value());
  return fmt::format("[{}]", fmt::join(numbers, ","));
}

}  // namespace

void EventLog::load(const std::vector<coordination::KeyValue>& entries) {
  for (const auto& entry : entries) {
    const std::string_view digits = std::string_view(entry.key).substr(keys::kEvents.size());
    int64_t first = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), first);
    auto stored = codec::decode_versioned<StoredEvents>(SharedBytes::copy(entry.value));
    if (error != std::errc{} || end != digits.data() + digits.size() || first < next_ ||
        entry.key != keys::events(first) || !stored) {
      diagnostics_.emit({Severity::warning,
                         "controller.event_unreadable",
                         "an entry of the cluster's events does not decode and is skipped",
                         {{"key", entry.key}}});
      continue;
    }
    keys_.push_back(first);
    next_ = first;
    for (auto& event : stored->events) {
      events_.push_back(
          {next_++, event.time_ms, stored->controller, std::move(event.what), std::move(event.detail)});
    }
  }
  while (events_.size() > kKept) events_.pop_front();
}

void EventLog::note(Severity severity, std::string what, std::string detail, WallTime now) {
  if (detail.size() > kDetailMax) detail.resize(kDetailMax);
  untold_.push_back({severity, "cluster." + what, detail});
  events_.push_back({next_++, now.ms, controller_, std::move(what), std::move(detail)});
  ++unwritten_;
}

void EventLog::tell() {
  for (const Diagnostic& diagnostic : std::exchange(untold_, {})) diagnostics_.emit(diagnostic);
}

void EventLog::flush(Draft& draft) {
  while (unwritten_ > 0) {
    StoredEvents stored;
    stored.controller = controller_;
    const size_t from = events_.size() - unwritten_;
    const size_t count = std::min(unwritten_, kEventsPerKey);
    for (size_t i = from; i < from + count; ++i) {
      stored.events.push_back({events_[i].time_ms, events_[i].what, events_[i].detail});
    }
    keys_.push_back(events_[from].sequence);
    draft.write_beside({{keys::events(events_[from].sequence), draft.encoded(stored)}});
    unwritten_ -= count;
  }
  while (events_.size() > kKept) events_.pop_front();
  // An entry goes when the next one begins before all that is kept.
  std::vector<Draft::Write> gone;
  while (!events_.empty() && keys_.size() > 1 && keys_[1] <= events_.front().sequence &&
         gone.size() < kRemovedAtOnce) {
    gone.push_back({keys::events(keys_.front()), std::nullopt});
    keys_.pop_front();
  }
  if (!gone.empty()) draft.write_beside(std::move(gone));
}

std::vector<EventLog::Event> EventLog::newest(size_t count) const {
  const size_t happened = events_.size() - std::min(untold_.size(), events_.size());
  const size_t from = happened - std::min(count, happened);
  return {events_.begin() + static_cast<std::ptrdiff_t>(from),
          events_.begin() + static_cast<std::ptrdiff_t>(happened)};
}

std::string describe_change(const Image& image, const TopicPartition& id, const PartitionState& before,
                            const PartitionState& after) {
  const Topic* const topic = image.find(id.topic);
  std::string text =
      fmt::format("{}-{}", topic == nullptr ? to_string(id.topic) : topic->name, id.partition.value());
  const auto leader = [](const PartitionState& state) {
    return state.leader == kNoBroker ? std::string("none") : to_string(state.leader);
  };
  std::string_view separator = ": ";
  const auto add = [&](const std::string& part) {
    text += separator;
    text += part;
    separator = ", ";
  };
  if (before.leader_epoch != after.leader_epoch) {
    add(fmt::format("leader {} -> {}", leader(before), leader(after)));
    add(fmt::format("epoch {} -> {}", before.leader_epoch.value(), after.leader_epoch.value()));
  }
  if (before.isr != after.isr) add(fmt::format("isr {} -> {}", list(before.isr), list(after.isr)));
  if (before.replicas != after.replicas) {
    add(fmt::format("replicas {} -> {}", list(before.replicas), list(after.replicas)));
  }
  return text;
}

void ChangeList::add(const Image& image, const TopicPartition& id, const PartitionState& before,
                     const PartitionState& after) {
  if (count_++ >= kDescribed) return;
  if (!text_.empty()) text_ += "; ";
  text_ += describe_change(image, id, before, after);
}

std::string ChangeList::describe() const {
  return count_ > kDescribed ? fmt::format("{}; and {} more", text_, count_ - kDescribed) : text_;
}

}  // namespace godwit::cluster
