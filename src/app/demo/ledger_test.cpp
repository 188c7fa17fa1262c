#include "app/demo/ledger.h"

#include <gtest/gtest.h>

namespace godwit::app::demo {
namespace {

void send(Ledger& ledger, int count, size_t lane = 0) {
  for (int i = 0; i < count; ++i) ledger.send(lane);
}

TEST(Ledger, WhatArrivesInOrderAndOnceIsWell) {
  Ledger ledger(2);
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(ledger.send(i % 2), i / 2);
    ledger.acknowledged(i % 2, i / 2);
    ledger.received(i % 2, i / 2);
  }
  EXPECT_EQ(ledger.counts(), (Ledger::Counts{.sent = 1000, .acknowledged = 1000, .received = 1000}));
  EXPECT_EQ(ledger.awaited(), 0u);
  EXPECT_EQ(ledger.under_way(), 0u);
}

TEST(Ledger, AReaderMayBeFasterThanTheAcknowledgement) {
  Ledger ledger(1);
  send(ledger, 2);
  ledger.received(0, 0);
  ledger.received(0, 1);
  ledger.acknowledged(0, 1);
  ledger.acknowledged(0, 0);
  EXPECT_EQ(ledger.counts(), (Ledger::Counts{.sent = 2, .acknowledged = 2, .received = 2}));
  EXPECT_EQ(ledger.awaited(), 0u);
}

TEST(Ledger, AnAcknowledgedMessageThatTheReaderPassedIsMissing) {
  Ledger ledger(1);
  send(ledger, 3);
  ledger.acknowledged(0, 0);
  ledger.received(0, 2);
  EXPECT_EQ(ledger.counts().missing, 1u);
  ledger.acknowledged(0, 1);  // known too late, and missing as well
  EXPECT_EQ(ledger.counts().missing, 2u);
  EXPECT_EQ(ledger.awaited(), 2u);
}

TEST(Ledger, OneThatComesLateIsOutOfOrderAndNotMissing) {
  Ledger ledger(1);
  send(ledger, 2);
  ledger.acknowledged(0, 0);
  ledger.received(0, 1);
  ledger.received(0, 0);
  EXPECT_EQ(ledger.counts().missing, 0u);
  EXPECT_EQ(ledger.counts().out_of_order, 1u);
}

TEST(Ledger, OneThatComesTwiceIsRepeatedAlsoWhenItWasSettledLongAgo) {
  Ledger ledger(1);
  send(ledger, 2);
  ledger.received(0, 0);
  ledger.received(0, 0);
  ledger.acknowledged(0, 0);
  ledger.received(0, 0);
  EXPECT_EQ(ledger.counts().repeated, 2u);
  EXPECT_EQ(ledger.counts().received, 1u);
}

TEST(Ledger, WhatWasGivenUpIsNotMissed) {
  Ledger ledger(1);
  send(ledger, 2);
  ledger.failed(0, 0);
  ledger.acknowledged(0, 1);
  ledger.received(0, 1);
  EXPECT_EQ(ledger.counts().missing, 0u);
  EXPECT_EQ(ledger.awaited(), 0u);
}

TEST(Ledger, LanesHaveNothingToDoWithEachOther) {
  Ledger ledger(2);
  send(ledger, 2, 0);
  send(ledger, 2, 1);
  ledger.acknowledged(0, 0);
  ledger.received(1, 1);
  EXPECT_EQ(ledger.counts().missing, 0u);
  EXPECT_EQ(ledger.awaited(), 1u);
}

TEST(Ledger, ANumberThatWasNeverSentIsPassedOver) {
  Ledger ledger(1);
  ledger.received(0, 7);
  EXPECT_EQ(ledger.counts(), Ledger::Counts{});
}

}  // namespace
}  // namespace godwit::app::demo
