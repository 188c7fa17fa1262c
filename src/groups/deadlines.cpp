#include "groups/deadlines.h"

namespace godwit::groups {

void Deadlines::set(const TimerKey& key, MonotonicTime when) {
  const auto [it, inserted] = when_.try_emplace(key, when);
  if (!inserted) {
    order_.erase({it->second, key});
    it->second = when;
  }
  order_.emplace(when, key);
}

void Deadlines::cancel(const TimerKey& key) {
  const auto it = when_.find(key);
  if (it == when_.end()) return;
  order_.erase({it->second, key});
  when_.erase(it);
}

std::optional<MonotonicTime> Deadlines::earliest() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

std::optional<TimerKey> Deadlines::take_due(MonotonicTime now) {
  if (order_.empty() || order_.begin()->first > now) return std::nullopt;
  const TimerKey key = order_.begin()->second;
  cancel(key);
  return key;
}

bool Deadlines::take_if_due(const TimerKey& key, MonotonicTime now) {
  const auto it = when_.find(key);
  if (it == when_.end() || it->second > now) return false;
  cancel(key);
  return true;
}

void Deadlines::give_clients(Duration by) {
  order_.clear();
  for (auto& [key, when] : when_) {
    if (key.kind == TimerKind::session || key.kind == TimerKind::join || key.kind == TimerKind::sync)
      when += by;
    order_.emplace(when, key);
  }
}

void Deadlines::clear() {
  when_.clear();
  order_.clear();
}

}  // namespace godwit::groups
