#include "client/missing.h"

#include <librdkafka/rdkafka.h>

#include "client/errors.h"

namespace godwit::client {
namespace {

constexpr int kAskMs = 1'000;
constexpr std::chrono::milliseconds kAskAgain{1'000};

enum class Found { yes, no, unknown };

Found find(rd_kafka_t* kafka, rd_kafka_topic_t* topic, int32_t partition) {
  const struct rd_kafka_metadata* metadata = nullptr;
  if (rd_kafka_metadata(kafka, 0, topic, &metadata, kAskMs) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return Found::unknown;
  const std::unique_ptr<const struct rd_kafka_metadata, decltype(&rd_kafka_metadata_destroy)> held(
      metadata, &rd_kafka_metadata_destroy);
  if (metadata->topic_cnt != 1) return Found::no;
  const auto& told = metadata->topics[0];
  if (Missing::is(told.err)) return Found::no;
  if (told.err != RD_KAFKA_RESP_ERR_NO_ERROR) return Found::unknown;
  if (partition < 0) return Found::yes;
  for (int i = 0; i < told.partition_cnt; ++i) {
    if (told.partitions[i].id == partition) return Found::yes;
  }
  return Found::no;
}

}  // namespace

bool Missing::is(int code) {
  return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

void Missing::told(MessagePtr message) {
  const TopicPartition what{rd_kafka_topic_name(message->rkt), message->partition};
  (void)all_.try_emplace(what, One{std::move(message), Clock::now() + kPatience});
}

std::optional<Error> Missing::look(rd_kafka_s* kafka) {
  if (all_.empty()) return std::nullopt;
  const auto now = Clock::now();
  for (auto one = all_.begin(); one != all_.end();) {
    if (one->second.ask_at > now) {
      ++one;
      continue;
    }
    const MessagePtr& message = one->second.message;
    const Found found = find(kafka, message->rkt, message->partition);
    if (found == Found::unknown) {
      one->second.ask_at = now + kAskAgain;
      return std::nullopt;
    }
    const MessagePtr gone = std::move(one->second.message);
    one = all_.erase(one);
    if (found == Found::no) return error_from(gone->err, "reading", rd_kafka_message_errstr(gone.get()));
  }
  return std::nullopt;
}

}  // namespace godwit::client
