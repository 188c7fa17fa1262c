// The handlers of all requests, each in a file of its own name. They run on the connection's shard. `context` outlives
// the task. A handler that gives an Answer encodes it by itself; the others give the response.
#pragma once

#include "broker/request.h"
#include "kafka/messages/all.h"

namespace godwit::broker::api {

using runtime::Task;

Task<kafka::ApiVersionsResponse> handle(RequestContext& context, kafka::ApiVersionsRequest request);
Task<kafka::MetadataResponse> handle(RequestContext& context, kafka::MetadataRequest request);
Task<Answer> handle(RequestContext& context, kafka::ProduceRequest request);
Task<kafka::FetchResponse> handle(RequestContext& context, kafka::FetchRequest request);
Task<kafka::ListOffsetsResponse> handle(RequestContext& context, kafka::ListOffsetsRequest request);
Task<kafka::CreateTopicsResponse> handle(RequestContext& context, kafka::CreateTopicsRequest request);
Task<kafka::InitProducerIdResponse> handle(RequestContext& context, kafka::InitProducerIdRequest request);

}  // namespace godwit::broker::api
