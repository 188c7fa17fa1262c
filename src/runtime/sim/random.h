// The simulator's generators: everything that is drawn comes from the world's seed.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "runtime/random.h"

namespace godwit::runtime::sim {

// Mixes all bits of `value` (the finalizer of splitmix64).
constexpr uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

// A hash of `text` that is the same in every run and on every machine, unlike std::hash.
constexpr uint64_t hash_text(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix(hash);
}

// xoshiro256**: fast, and long enough that streams derived by mixing do not meet.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15U;
      word = mix(seed);
    }
  }
  uint64_t next() override {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // Uniform in [low, high].
  uint64_t between(uint64_t low, uint64_t high) { return low + (high > low ? below(high - low + 1) : 0); }
  bool coin() { return (next() >> 63) != 0; }

 private:
  uint64_t state_[4];
};

}  // namespace godwit::runtime::sim
