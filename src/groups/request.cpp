#include "groups/request.h"

namespace godwit::groups {
namespace {

struct ErrorFor {
  ErrorCode error;

  Response operator()(const JoinRequest& request) const {
    JoinResponse response;
    response.error = error;
    response.member = request.member;
    return response;
  }
  Response operator()(const SyncRequest&) const { return SyncResponse{.error = error}; }
  Response operator()(const HeartbeatRequest&) const { return HeartbeatResponse{error}; }
  Response operator()(const LeaveRequest&) const { return LeaveResponse{error, {}}; }
  Response operator()(const OffsetCommitRequest& request) const {
    OffsetCommitResponse response;
    for (const auto& topic : request.topics) {
      auto& answered = response.topics.emplace_back();
      answered.name = topic.name;
      answered.id = topic.id;
      for (const auto& partition : topic.partitions)
        answered.partitions.push_back({partition.partition, error});
    }
    return response;
  }
  Response operator()(const OffsetFetchRequest& request) const {
    OffsetFetchResponse response;
    response.error = error;
    if (!request.topics) return response;
    for (const auto& topic : *request.topics) {
      auto& answered = response.topics.emplace_back();
      answered.name = topic.name;
      answered.id = topic.id;
      for (const auto partition : topic.partitions) {
        auto& p = answered.partitions.emplace_back();
        p.partition = partition;
        p.error = error;
      }
    }
    return response;
  }
  Response operator()(const OffsetDeleteRequest&) const { return OffsetDeleteResponse{error, {}}; }
  Response operator()(const DeleteGroupRequest&) const { return DeleteGroupResponse{error}; }
  Response operator()(const DescribeGroupRequest&) const {
    DescribeGroupResponse response;
    response.error = error;
    return response;
  }
  Response operator()(const ListGroupsRequest&) const { return ListGroupsResponse{error, {}}; }
};

struct SetError {
  ErrorCode error;

  void operator()(JoinResponse& r) const { r = {.error = error, .member = r.member}; }
  void operator()(SyncResponse& r) const { r = {.error = error}; }
  void operator()(HeartbeatResponse& r) const { r.error = error; }
  void operator()(LeaveResponse& r) const { r = {error, {}}; }
  void operator()(OffsetCommitResponse& r) const {
    for (auto& topic : r.topics) {
      for (auto& partition : topic.partitions) partition.error = error;
    }
  }
  void operator()(OffsetFetchResponse& r) const { r = {.error = error}; }
  void operator()(OffsetDeleteResponse& r) const { r = {error, {}}; }
  void operator()(DeleteGroupResponse& r) const { r.error = error; }
  void operator()(DescribeGroupResponse& r) const { r = {.error = error}; }
  void operator()(ListGroupsResponse& r) const { r = {error, {}}; }
};

}  // namespace

void set_error(Response& response, ErrorCode error) {
  std::visit(SetError{error}, response);
}

Response error_response(const Request& request, ErrorCode error) {
  return std::visit(ErrorFor{error}, request);
}

}  // namespace godwit::groups
