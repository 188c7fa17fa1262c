// Random numbers as a seam: real ones start from the operating system's entropy, simulated ones from a seed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace godwit::runtime {

class Random {
 public:
  virtual ~Random() = default;
  // 64 uniform bits. Not for keys or secrets.
  virtual uint64_t next() = 0;

  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    // Rejects the last, incomplete stretch of numbers, so that no remainder is favoured.
    const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    for (;;) {
      const uint64_t value = next();
      if (value < limit) return value % bound;
    }
  }
  // True with the probability numerator/denominator.
  bool chance(uint64_t numerator, uint64_t denominator) { return below(denominator) < numerator; }
  std::array<std::byte, 16> bytes16() {
    std::array<std::byte, 16> out;
    for (size_t i = 0; i < 16; i += 8) {
      const uint64_t value = next();
      for (size_t k = 0; k < 8; ++k) out[i + k] = static_cast<std::byte>(value >> (8 * k));
    }
    return out;
  }
};

}  // namespace godwit::runtime
