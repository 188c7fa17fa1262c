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
  if (topic == nullptr) {
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

}  // namespace

Task<kafka::DeleteTopicsResponse> handle(RequestContext& context, kafka::DeleteTopicsRequest request) {
  kafka::DeleteTopicsResponse response;
  if (context.version() < 6) {
    for (const std::string& name : request.topic_names) request.topics.push_back({name, {}});
  }
  for (Asked& asked : request.topics)
    response.responses.push_back(co_await delete_one(context, std::move(asked)));
  co_return response;
}

}  // namespace godwit::broker::api
