#include "broker/stale_fetchers.h"

#include <gtest/gtest.h>

namespace godwit::broker {
namespace {

using namespace std::chrono_literals;

TEST(StaleFetchers, WhatLastsIsToldOnceAndARestartNever) {
  StaleFetchers fetchers;
  const MonotonicTime zero{};
  const BrokerId stuck(1);
  const BrokerId restarted(2);
  int told = 0;
  for (int ms = 0; ms < 60'000; ms += 100) {
    if (ms < 2000) EXPECT_FALSE(fetchers.lasts(restarted, zero + std::chrono::milliseconds(ms), 6s));
    if (fetchers.lasts(stuck, zero + std::chrono::milliseconds(ms), 6s)) {
      ++told;
      EXPECT_EQ(ms, 6000);
    }
  }
  EXPECT_EQ(told, 1);
}

TEST(StaleFetchers, AfterAPauseItBeginsAnew) {
  StaleFetchers fetchers;
  const MonotonicTime zero{};
  const BrokerId id(1);
  for (int s = 0; s <= 6; ++s) (void)fetchers.lasts(id, zero + std::chrono::seconds(s), 6s);
  EXPECT_FALSE(fetchers.lasts(id, zero + 20s, 6s));
  EXPECT_FALSE(fetchers.lasts(id, zero + 25s, 6s));
  EXPECT_TRUE(fetchers.lasts(id, zero + 26s, 6s));
}

}  // namespace
}  // namespace godwit::broker
