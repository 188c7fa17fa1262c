#include <map>
#include <optional>
#include <string>
#include <utility>

#include "broker/api/handlers.h"
#include "broker/api/turns.h"
#include "broker/broker.h"

namespace godwit::broker::api {
namespace {

using Asked = kafka::DeleteTopicsRequest::Topic;
using Done = kafka::DeleteTopicsResponse::Topic;

Task<Done> delete_one(RequestContext& context, Asked asked) {
  Done done;
  done.name = asked.name;
  done.topic_id = asked.topic_id;
  const cluster::ImagePtr image = context.shard.image();
  const cluster::Topic* const topic = asked.name ? image->find(*asked.name) : image->find(asked.topic_id);
  if (asked.name && !asked.topic_id.is_zero()) {
    done.error_code = ErrorCode::invalid_request;
    done.error_message = "a topic is named by its name or by its id, not by both";
    co_return done;
  }
  if (!asked.name && asked.topic_id.is_zero()) {
    done.error_code = ErrorCode::invalid_request;
    done.error_message = "a topic is named by its name or by its id, not by neither";
    co_return done;
  }
  if (topic == nullptr) {
    done.error_message = "there is no such topic";
    done.error_code = asked.name ? ErrorCode::unknown_topic_or_partition : ErrorCode::unknown_topic_id;
    co_return done;
  }
  if (topic->internal()) {
    // The broker's own state lives there: groups would lose what they committed.
    done.error_code = ErrorCode::invalid_request;
    done.error_message = "an internal topic is not deleted";
    co_return done;
  }
  done.name = topic->name;
  done.topic_id = topic->id;
  Broker& broker = context.shard.broker();
  const auto deleted =
      co_await broker.on_first([&broker, id = topic->id] { return broker.metadata().delete_topic(id); });
  if (!deleted) {
    done.error_code = deleted.error().code == ErrorCode::unknown_topic_id && asked.name
                          ? ErrorCode::unknown_topic_or_partition
                          : deleted.error().code;
    done.error_message = deleted.error().message;
  }
  co_return done;
}

using Names = std::vector<std::optional<std::string>>;

// What each of them is called; empty for ids that nobody has.
std::optional<std::string> called(const cluster::Image& image, const Asked& asked) {
  if (asked.name) return asked.name;
  const cluster::Topic* const topic = image.find(asked.topic_id);
  return topic != nullptr ? std::optional(topic->name) : std::nullopt;
}

// How often the request names a topic, by whatever.
struct Named {
  size_t times = 0;
  TopicId id;  // where the id was used
  bool answered = false;
};

// One answer for all that mean the same topic.
Done twice(const std::string& name, const Named& named) {
  Done done;
  done.name = name;
  done.topic_id = named.id;
  done.error_code = ErrorCode::invalid_request;
  done.error_message = "the request names this topic twice";
  return done;
}

}  // namespace

Task<kafka::DeleteTopicsResponse> handle(RequestContext& context, kafka::DeleteTopicsRequest request) {
  kafka::DeleteTopicsResponse response;
  if (context.version() < 6) {
    for (const std::string& name : request.topic_names) request.topics.push_back({name, {}});
  }
  Turns turns;
  const cluster::ImagePtr image = context.shard.image();
  std::map<std::string, Named> all;
  for (const Asked& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    const auto name = called(*image, asked);
    if (!name) continue;
    Named& named = all[*name];
    ++named.times;
    if (!asked.topic_id.is_zero()) named.id = asked.topic_id;
  }
  for (Asked& asked : request.topics) {
    if (turns.due()) co_await runtime::yield();
    const auto name = called(*image, asked);
    Named* const named = name ? &all[*name] : nullptr;
    if (named == nullptr || named->times == 1) {
      response.responses.push_back(co_await delete_one(context, std::move(asked)));
    } else if (!std::exchange(named->answered, true)) {
      response.responses.push_back(twice(*name, *named));
    }
  }
  co_return response;
}

}  // namespace godwit::broker::api
