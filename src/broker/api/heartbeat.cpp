#include "broker/api/handlers.h"
#include "broker/group_asking.h"

namespace godwit::broker::api {

Task<kafka::HeartbeatResponse> handle(RequestContext& context, kafka::HeartbeatRequest request) {
  groups::HeartbeatRequest asked;
  asked.group = std::move(request.group_id);
  asked.generation = request.generation_id;
  asked.member = std::move(request.member_id);
  asked.instance = std::move(request.group_instance_id);
  const groups::HeartbeatResponse answer = co_await ask_manager(context.shard, std::move(asked));
  kafka::HeartbeatResponse response;
  response.error_code = answer.error;
  co_return response;
}

}  // namespace godwit::broker::api
