#include "cluster/event_log.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "cluster/fenced_store.h"
#include "cluster/stored_control.h"

namespace godwit::cluster {
namespace {

constexpr size_t kWhyMax = 1'000;  // characters, beside a part of a list
constexpr size_t kAboutMax = 400;  // the same: a topic's name is the longest
constexpr size_t kEventsPerEntry = 50;
constexpr size_t kBytesPerEntry = 100'000;  // far below what a transaction takes
constexpr size_t kRemovedAtOnce = 50;       // entries, beside what is written anyway
static_assert(kAboutMax + kWhyMax + ChangeList::kPartMax + 50 <= EventLog::kDetailMax);
static_assert(2 * kBytesPerEntry <= FencedStore::kBytesMax && kRemovedAtOnce <= FencedStore::kWritesMax);

int8_t stored_severity(Severity severity) {
  switch (severity) {
    case Severity::error:
      return 2;
    case Severity::warning:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

EventLog::Weight EventLog::weight_of(Severity severity, const std::string& what) {
  if (severity >= Severity::warning) return Weight::grave;
  return what == "isr.changed" ? Weight::chatter : Weight::routine;
}

size_t EventLog::size_of(const Event& event) {
  constexpr size_t kBeside = 32;  // time, lengths
  return event.what.size() + event.detail.size() + kBeside;
}

void EventLog::load(const std::vector<coordination::KeyValue>& entries) {
  for (const auto& entry : entries) {
    const std::string_view digits = std::string_view(entry.key).substr(keys::kEvents.size());
    int64_t first = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), first);
    auto stored = codec::decode_versioned<StoredEvents>(SharedBytes::copy(entry.value));
    if (error != std::errc{} || end != digits.data() + digits.size() || first < next_ ||
        entry.key != keys::events(first) || !stored || stored->events.empty()) {
      diagnostics_.emit({Severity::warning,
                         "controller.event_unreadable",
                         "an entry of the cluster's events does not decode and is skipped",
                         {{"key", entry.key}}});
      continue;
    }
    next_ = first;
    controller_before_ = stored->controller;
    Entry loaded;
    loaded.weight = Weight::chatter;
    for (auto& event : stored->events) {
      // Builds before wrote events of several weights into one.
      const auto severity =
          event.severity > stored_severity(Severity::info) ? Severity::warning : Severity::info;
      loaded.weight = std::max(loaded.weight, weight_of(severity, event.what));
      loaded.events.push_back(
          {next_++, event.time_ms, stored->controller, std::move(event.what), std::move(event.detail)});
      loaded.bytes += size_of(loaded.events.back());
    }
    keep(std::move(loaded));
  }
  drop_old(next_);
  told_ = next_;
}

void EventLog::note(EventKind kind, const Decision& decision, WallTime now) {
  const std::string detail = cut_off(decision.about, kAboutMax) + ": " +
                             cut_off(decision.change, ChangeList::kPartMax) + " (" +
                             cut_off(decision.why, kWhyMax) + ")";
  untold_.push_back({row_of(kind).severity, "cluster." + std::string(row_of(kind).name), detail});
  add(kind, detail, now);
}

void EventLog::note(EventKind kind, const std::string& why, const ChangeList& changes, WallTime now) {
  const std::string reason = cut_off(why, kWhyMax);
  untold_.push_back(
      {row_of(kind).severity, "cluster." + std::string(row_of(kind).name), reason + ": " + changes.brief()});
  const std::vector<std::string> parts = changes.parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    std::string detail = reason;
    if (parts.size() > 1) {
      detail += " (part " + std::to_string(i + 1) + " of " + std::to_string(parts.size()) + ")";
    }
    add(kind, detail + ": " + parts[i], now);
  }
}

void EventLog::add(EventKind kind, std::string detail, WallTime now) {
  const EventKindRow& row = row_of(kind);
  if (detail.size() > kDetailMax) detail.resize(kDetailMax);
  noted_.push_back({row.severity, {next_++, now.ms, controller_, std::string(row.name), std::move(detail)}});
}

void EventLog::tell() {
  for (const Diagnostic& diagnostic : std::exchange(untold_, {})) diagnostics_.emit(diagnostic);
  told_ = noted_.empty() ? next_ : noted_.front().event.sequence;
}

void EventLog::keep(Entry entry) {
  const int64_t first = entry.events.front().sequence;
  Kept& kept = kept_[static_cast<size_t>(entry.weight)];
  kept.entries.push_back(first);
  kept.events += entry.events.size();
  kept.bytes += entry.bytes;
  entries_.emplace(first, std::move(entry));
}

void EventLog::drop_old(int64_t unwritten) {
  for (Kept& kept : kept_) {
    while (kept.events > kKept || kept.bytes > kBytesKept) {
      const int64_t first = kept.entries.front();
      kept.entries.pop_front();
      const auto oldest = entries_.find(first);
      kept.events -= oldest->second.events.size();
      kept.bytes -= oldest->second.bytes;
      entries_.erase(oldest);
      if (first < unwritten) gone_.push_back(first);
    }
  }
}

void EventLog::flush(Draft& draft) {
  if (noted_.empty()) return;
  const int64_t unwritten = noted_.front().event.sequence;
  std::map<int64_t, Bytes> written;
  for (size_t next = 0; next < noted_.size();) {
    Entry entry;
    entry.weight = weight_of(noted_[next].severity, noted_[next].event.what);
    StoredEvents stored;
    stored.controller = controller_;
    for (; next < noted_.size() && entry.events.size() < kEventsPerEntry; ++next) {
      auto& [severity, event] = noted_[next];
      if (weight_of(severity, event.what) != entry.weight) break;
      if (!entry.events.empty() && entry.bytes + size_of(event) > kBytesPerEntry) break;
      stored.events.push_back({event.time_ms, event.what, event.detail, stored_severity(severity)});
      entry.bytes += size_of(event);
      entry.events.push_back(std::move(event));
    }
    written.emplace(entry.events.front().sequence, draft.encoded(stored));
    keep(std::move(entry));
  }
  noted_.clear();
  drop_old(unwritten);
  for (auto& [first, value] : written) {
    if (entries_.contains(first)) draft.write_beside({{keys::events(first), std::move(value)}});
  }
  // More than are written, so that what is left over gets fewer.
  for (size_t most = written.size() + kRemovedAtOnce; most > 0 && !gone_.empty();) {
    std::vector<Draft::Write> gone;
    for (; most > 0 && !gone_.empty() && gone.size() < kRemovedAtOnce; --most) {
      gone.push_back({keys::events(gone_.front()), std::nullopt});
      gone_.pop_front();
    }
    draft.write_beside(std::move(gone));
  }
}

std::vector<EventLog::Event> EventLog::newest(size_t count) const {
  std::vector<Event> found;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && found.size() < count; ++entry) {
    const auto& events = entry->second.events;
    for (auto event = events.rbegin(); event != events.rend() && found.size() < count; ++event) {
      if (event->sequence < told_) found.push_back(*event);
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace godwit::cluster
