// Topics and partitions of which a reader was told that they are not there.
//
//   if (Missing::is(message->err)) missing.told(std::move(message));
//   …
//   if (const auto gone = missing.look(kafka)) …   not_found
//
// A broker that lags behind the others says so of what was just made. librdkafka tells of it once and goes on looking, and
// reading begins when the topic is found. So nobody hears of it before a broker was asked again, a while later.
//
// No lock of its own. Destroyed before the instance that told.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "client/fetched.h"
#include "godwit/reader.h"

struct rd_kafka_s;

namespace godwit::client {

class Missing {
 public:
  using Clock = std::chrono::steady_clock;
  // The brokers' session timeout: who hangs for longer is none of them any more.
  static constexpr std::chrono::milliseconds kPatience{3'000};

  // Whether librdkafka's `code` says that something is not there.
  static bool is(int code);

  // Takes note of such a message, unless it is known; it names its topic.
  void told(MessagePtr message);
  // Asks about what was told kPatience ago, which takes a second at most. not_found, of what is still not there; that is
  // forgotten, as is what was found.
  std::optional<Error> look(rd_kafka_s* kafka);
  void clear() { all_.clear(); }

 private:
  struct One {
    MessagePtr message;
    Clock::time_point ask_at;
  };
  std::map<TopicPartition, One> all_;
};

}  // namespace godwit::client
