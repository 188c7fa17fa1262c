#include "cluster/change_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster/assignments.h"

namespace godwit::cluster {
namespace {

constexpr size_t kBrief = 10;  // partitions named in a diagnostic

std::string list(const std::vector<BrokerId>& ids) {
  std::vector<int32_t> numbers;
  for (const BrokerId id : ids) numbers.push_back(id.value());
  return fmt::format("[{}]", fmt::join(numbers, ","));
}

void append(std::string& text, const std::string& change) {
  if (!text.empty()) text += "; ";
  text += change;
}

}  // namespace

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
  // A move keeps those that go until those that come are in sync.
  const auto moves = [](const PartitionState& state) {
    return !state.adding.empty() || !state.removing.empty();
  };
  if ((moves(before) || moves(after)) && settled(before) != settled(after)) {
    add(fmt::format("to be on {} -> {}", list(settled(before)), list(settled(after))));
  }
  // Nothing that a client sees: a leader makes sure of its ISR, or a replica is known to be empty.
  if (separator == ": ") add(fmt::format("version {} -> {}", before.version, after.version));
  return text;
}

void ChangeList::add(const Image& image, const TopicPartition& id, const PartitionState& before,
                     const PartitionState& after) {
  ++count_;
  if (bytes_ >= kBytesMax) return;
  const std::string change = describe_change(image, id, before, after);
  ++described_;
  bytes_ += change.size();
  if (count_ <= kBrief) append(brief_, change);
  if (parts_.empty() || parts_.back().size() + change.size() + 2 > kPartMax) parts_.emplace_back();
  append(parts_.back(), change);
}

std::string ChangeList::brief() const {
  return count_ > kBrief ? fmt::format("{}; and {} more", brief_, count_ - kBrief) : brief_;
}

std::vector<std::string> ChangeList::parts() const {
  std::vector<std::string> parts = parts_;
  if (count_ > described_) {
    parts.back() += fmt::format("; and {} more, which are too many to be written down", count_ - described_);
  }
  return parts;
}

}  // namespace godwit::cluster
