#include "broker/api/handlers.h"
#include "broker/authorized_operations.h"
#include "broker/broker.h"
#include "broker/listeners.h"

namespace godwit::broker::api {
namespace {

constexpr int8_t kBrokers = 1;
constexpr int8_t kControllers = 2;

}  // namespace

Task<kafka::DescribeClusterResponse> handle(RequestContext& context, kafka::DescribeClusterRequest request) {
  kafka::DescribeClusterResponse response;
  if (request.endpoint_type != kBrokers) {
    response.error_code = request.endpoint_type == kControllers ? ErrorCode::mismatched_endpoint_type
                                                                : ErrorCode::unsupported_endpoint_type;
    response.error_message = "this is a broker: endpoint type 1";
    co_return response;
  }
  const cluster::ImagePtr image = context.shard.image();
  if (request.include_cluster_authorized_operations)
    response.cluster_authorized_operations = kClusterOperations;
  response.cluster_id = image->cluster_id;
  response.controller_id = image->controller;
  for (const Node& node : nodes_for(context.client, *image, context.shard.broker())) {
    response.brokers.push_back({node.id, node.at.host, node.at.port, node.rack, false});
  }
  co_return response;
}

}  // namespace godwit::broker::api
