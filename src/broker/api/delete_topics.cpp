#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "broker/api/handlers.h"
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
Names names(const cluster::Image& image, const std::vector<Asked>& all) {
  Names found;
  for (const Asked& asked : all) {
    const cluster::Topic* const topic = asked.name ? nullptr : image.find(asked.topic_id);
    found.push_back(topic != nullptr ? topic->name : asked.name);
  }
  return found;
}

// One answer for all that mean the same topic.
Done twice(const std::string& name, const std::vector<Asked>& all, const Names& named) {
  Done done;
  done.name = name;
  done.error_code = ErrorCode::invalid_request;
  done.error_message = "the request names this topic twice";
  for (size_t i = 0; i < all.size(); ++i) {
    if (named[i] == name && !all[i].topic_id.is_zero()) done.topic_id = all[i].topic_id;
  }
  return done;
}

}  // namespace

Task<kafka::DeleteTopicsResponse> handle(RequestContext& context, kafka::DeleteTopicsRequest request) {
  kafka::DeleteTopicsResponse response;
  if (context.version() < 6) {
    for (const std::string& name : request.topic_names) request.topics.push_back({name, {}});
  }
  const auto named = names(*context.shard.image(), request.topics);
  std::set<std::string> answered;
  for (size_t i = 0; i < request.topics.size(); ++i) {
    Asked& asked = request.topics[i];
    if (named[i] && std::ranges::count(named, named[i]) > 1) {
      if (answered.insert(*named[i]).second)
        response.responses.push_back(twice(*named[i], request.topics, named));
      continue;
    }
    response.responses.push_back(co_await delete_one(context, std::move(asked)));
  }
  co_return response;
}

}  // namespace godwit::broker::api
