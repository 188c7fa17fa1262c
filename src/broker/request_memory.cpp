#include "broker/request_memory.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace godwit::broker {

RequestMemory::Claim::Claim(RequestMemory& memory, size_t size, runtime::Condition& changed)
    : memory_(memory), size_(size), charged_(std::min(size, memory.capacity_)), changed_(changed) {}

RequestMemory::Claim::~Claim() {
  unlink();
  memory_.take_back(*this);
}

void RequestMemory::Claim::want_more() {
  GW_CHECK(!waits_ && held_ < charged_, "who wants more waits for nothing yet and has not all");
  if (!memory_.anybody_waits() && memory_.can_give(*this)) {
    memory_.give(*this);
    return;
  }
  waits_ = true;
  if (held_ == 0) {
    number_ = memory_.next_number_++;
    (grows() ? memory_.to_grow_ : memory_.to_pass_).push_back(*this);
  }
  memory_.serve();
}

bool RequestMemory::anybody_waits() const {
  return !to_grow_.empty() || !to_pass_.empty() ||
         std::ranges::any_of(growing_, [](const Claim* claim) { return claim->waits_; });
}

bool RequestMemory::can_give(const Claim& claim) const {
  return free_ >= claim.step() && is_safe(claim);
}

bool RequestMemory::is_safe(const Claim& claim) const {
  if (!claim.grows()) return true;
  const bool begins = claim.held_ == 0;
  if (begins && growing_.size() >= kGrowingMax) return false;
  if (growing_sizes_ + (begins ? claim.charged_ : 0) <= capacity_) return true;
  // Who lacks least ends first, and gives what it held to the next one.
  struct Part {
    size_t left;
    size_t held;
  };
  std::vector<Part> parts{{claim.left() - claim.step(), claim.held_ + claim.step()}};
  for (const Claim* const other : growing_) {
    if (other != &claim) parts.push_back({other->left(), other->held_});
  }
  std::ranges::sort(parts, {}, &Part::left);
  size_t there = capacity_;
  for (const Part& part : parts) {
    if (part.held > there) return false;
    there -= part.held;
  }
  for (const Part& part : parts) {
    if (part.left > there) return false;
    there += part.held;
  }
  return true;
}

void RequestMemory::give(Claim& claim) {
  const size_t step = claim.step();
  if (claim.held_ == 0 && claim.grows()) {
    growing_.push_back(&claim);
    growing_sizes_ += claim.charged_;
  }
  free_ -= step;
  claim.held_ += step;
  if (claim.left() == 0 && claim.grows()) {
    std::erase(growing_, &claim);
    growing_sizes_ -= claim.charged_;
  }
  if (!std::exchange(claim.waits_, false)) return;
  claim.unlink();
  claim.changed_.notify_all();
}

void RequestMemory::take_back(Claim& claim) {
  claim.waits_ = false;
  if (claim.left() > 0 && std::erase(growing_, &claim) > 0) growing_sizes_ -= claim.charged_;
  free_ += claim.held_;
  GW_CHECK(free_ <= capacity_, "no more is given back than was taken");
  serve();
}

void RequestMemory::serve() {
  // By index, for who gets its last step leaves the line.
  for (size_t i = 0; i < growing_.size();) {
    Claim& claim = *growing_[i];
    if (!claim.waits_ || !is_safe(claim)) {
      ++i;
      continue;
    }
    // What comes back meanwhile is for this one.
    if (free_ < claim.step()) return;
    const size_t before = growing_.size();
    give(claim);
    if (growing_.size() == before) ++i;
  }
  for (;;) {
    auto* next = static_cast<Claim*>(to_pass_.front());
    auto* const grower = static_cast<Claim*>(to_grow_.front());
    if (grower != nullptr && (next == nullptr || grower->number_ < next->number_) && is_safe(*grower)) {
      next = grower;
    }
    if (next == nullptr || free_ < next->step()) return;
    give(*next);
  }
}

}  // namespace godwit::broker
