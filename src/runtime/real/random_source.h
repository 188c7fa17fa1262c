// xoshiro256** (Blackman, Vigna: "Scrambled linear pseudorandom number generators", 2018), seeded by the
// kernel.
#pragma once

#include <sys/random.h>

#include <array>
#include <bit>

#include "base/check.h"
#include "runtime/random.h"

namespace godwit::runtime::real {

class RandomSource final : public Random {
 public:
  RandomSource() {
    const ssize_t count = ::getrandom(state_.data(), sizeof state_, 0);
    GW_CHECK(count == static_cast<ssize_t>(sizeof state_), "the kernel gives 32 random bytes at once");
    state_[0] |= 1;  // an all-zero state would stay zero for ever
  }
  uint64_t next() override {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace godwit::runtime::real
