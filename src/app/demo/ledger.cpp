#include "app/demo/ledger.h"

#include "base/check.h"

namespace godwit::app::demo {
namespace {

enum State : uint8_t { kAcknowledged = 1, kFailed = 2, kReceived = 4, kPassed = 8 };

// What was given up may still arrive; it is remembered for so many numbers.
constexpr size_t kRemembered = 1'000'000;

bool has(uint8_t states, State one) {
  return (states & one) != 0;
}

void add(uint8_t& states, State one) {
  states = static_cast<uint8_t>(states | one);
}

}  // namespace

uint64_t Ledger::send(size_t lane_index) {
  Lane& lane = lanes_.at(lane_index);
  lane.states.push_back(0);
  ++counts_.sent;
  return lane.first + lane.states.size() - 1;
}

void Ledger::acknowledged(size_t lane_index, uint64_t number) {
  Lane& lane = lanes_.at(lane_index);
  GW_CHECK(number >= lane.first && number - lane.first < lane.states.size(), "a message ends once");
  uint8_t& states = lane.states[number - lane.first];
  add(states, kAcknowledged);
  ++counts_.acknowledged;
  if (!has(states, kReceived)) {
    ++awaited_;
    if (has(states, kPassed)) ++counts_.missing;
  }
  settle(lane);
}

void Ledger::failed(size_t lane_index, uint64_t number) {
  Lane& lane = lanes_.at(lane_index);
  GW_CHECK(number >= lane.first && number - lane.first < lane.states.size(), "a message ends once");
  add(lane.states[number - lane.first], kFailed);
  ++counts_.failed;
  settle(lane);
}

void Ledger::received(size_t lane_index, uint64_t number) {
  Lane& lane = lanes_.at(lane_index);
  if (number >= lane.first + lane.states.size()) return;
  if (number < lane.first || has(lane.states[number - lane.first], kReceived)) {
    ++counts_.repeated;
    return;
  }
  uint8_t& states = lane.states[number - lane.first];
  add(states, kReceived);
  ++counts_.received;
  if (has(states, kAcknowledged)) --awaited_;
  if (number < lane.read_up_to) {
    ++counts_.out_of_order;
    if (has(states, kPassed) && has(states, kAcknowledged)) --counts_.missing;
  } else {
    for (uint64_t passed = std::max(lane.read_up_to, lane.first); passed < number; ++passed) {
      uint8_t& before = lane.states[passed - lane.first];
      add(before, kPassed);
      if (has(before, kAcknowledged)) ++counts_.missing;
    }
    lane.read_up_to = number + 1;
  }
  settle(lane);
}

void Ledger::settle(Lane& lane) {
  while (!lane.states.empty()) {
    const uint8_t front = lane.states.front();
    const bool ended = has(front, kAcknowledged) || has(front, kFailed);
    const bool given_up = has(front, kFailed) && lane.states.size() > kRemembered;
    if (!(ended && has(front, kReceived)) && !given_up) return;
    lane.states.pop_front();
    ++lane.first;
  }
}

}  // namespace godwit::app::demo
