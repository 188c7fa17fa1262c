// DescribeCluster (key 60): the brokers of the cluster. v1 can ask a controller; v2 lists fenced brokers too.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct DescribeClusterResponse;

struct DescribeClusterRequest {
  static constexpr ApiKey kApi = ApiKey::describe_cluster;
  static constexpr codec::Format kFormat{
      .name = "DescribeClusterRequest", .versions = {0, 2}, .flexible_since = 0};
  using Response = DescribeClusterResponse;

  bool include_cluster_authorized_operations = false;
  int8_t endpoint_type = 1;
  bool include_fenced_brokers = false;

  static void fields(auto& f) {
    f("include_cluster_authorized_operations",
      &DescribeClusterRequest::include_cluster_authorized_operations);
    f("endpoint_type", &DescribeClusterRequest::endpoint_type, since(1));
    f("include_fenced_brokers", &DescribeClusterRequest::include_fenced_brokers, since(2));
  }
  friend bool operator==(const DescribeClusterRequest&, const DescribeClusterRequest&) = default;
};

struct DescribeClusterResponse {
  static constexpr ApiKey kApi = ApiKey::describe_cluster;
  static constexpr codec::Format kFormat{
      .name = "DescribeClusterResponse", .versions = {0, 2}, .flexible_since = 0};

  struct Broker {
    BrokerId broker_id;
    std::string host;
    int32_t port = 0;
    std::optional<std::string> rack;
    bool is_fenced = false;

    static void fields(auto& f) {
      f("broker_id", &Broker::broker_id);
      f("host", &Broker::host);
      f("port", &Broker::port);
      f("rack", &Broker::rack);
      f("is_fenced", &Broker::is_fenced, since(2));
    }
    friend bool operator==(const Broker&, const Broker&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message;
  int8_t endpoint_type = 1;
  std::string cluster_id;
  BrokerId controller_id = kNoBroker;
  std::vector<Broker> brokers;
  int32_t cluster_authorized_operations = kOperationsNotRequested;

  static void fields(auto& f) {
    f("throttle_time_ms", &DescribeClusterResponse::throttle_time_ms);
    f("error_code", &DescribeClusterResponse::error_code);
    f("error_message", &DescribeClusterResponse::error_message);
    f("endpoint_type", &DescribeClusterResponse::endpoint_type, since(1));
    f("cluster_id", &DescribeClusterResponse::cluster_id);
    f("controller_id", &DescribeClusterResponse::controller_id);
    f("brokers", &DescribeClusterResponse::brokers);
    f("cluster_authorized_operations", &DescribeClusterResponse::cluster_authorized_operations);
  }
  friend bool operator==(const DescribeClusterResponse&, const DescribeClusterResponse&) = default;
};

}  // namespace godwit::kafka
