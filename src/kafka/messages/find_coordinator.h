// FindCoordinator (key 10): which broker manages a group, a transactional id or a share partition. From v4 on
// several keys at once, all answers in `coordinators`.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct FindCoordinatorResponse;

struct FindCoordinatorRequest {
  static constexpr ApiKey kApi = ApiKey::find_coordinator;
  static constexpr codec::Format kFormat{
      .name = "FindCoordinatorRequest", .versions = {0, 6}, .flexible_since = 3};
  using Response = FindCoordinatorResponse;

  std::string key;
  // 0: group, 1: transactional id, 2: share partition.
  int8_t key_type = 0;
  std::vector<std::string> coordinator_keys;

  static void fields(auto& f) {
    f("key", &FindCoordinatorRequest::key, versions(0, 3));
    f("key_type", &FindCoordinatorRequest::key_type, since(1));
    f("coordinator_keys", &FindCoordinatorRequest::coordinator_keys, since(4));
  }
  friend bool operator==(const FindCoordinatorRequest&, const FindCoordinatorRequest&) = default;
};

struct FindCoordinatorResponse {
  static constexpr ApiKey kApi = ApiKey::find_coordinator;
  static constexpr codec::Format kFormat{
      .name = "FindCoordinatorResponse", .versions = {0, 6}, .flexible_since = 3};

  struct Coordinator {
    std::string key;
    BrokerId node_id;
    std::string host;
    int32_t port = 0;
    ErrorCode error_code = ErrorCode::none;
    std::optional<std::string> error_message = "";

    static void fields(auto& f) {
      f("key", &Coordinator::key);
      f("node_id", &Coordinator::node_id);
      f("host", &Coordinator::host);
      f("port", &Coordinator::port);
      f("error_code", &Coordinator::error_code);
      f("error_message", &Coordinator::error_message);
    }
    friend bool operator==(const Coordinator&, const Coordinator&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::optional<std::string> error_message = "";
  BrokerId node_id;
  std::string host;
  int32_t port = 0;
  std::vector<Coordinator> coordinators;

  static void fields(auto& f) {
    f("throttle_time_ms", &FindCoordinatorResponse::throttle_time_ms, since(1).ignorable());
    f("error_code", &FindCoordinatorResponse::error_code, versions(0, 3));
    f("error_message", &FindCoordinatorResponse::error_message, versions(1, 3).ignorable());
    f("node_id", &FindCoordinatorResponse::node_id, versions(0, 3));
    f("host", &FindCoordinatorResponse::host, versions(0, 3));
    f("port", &FindCoordinatorResponse::port, versions(0, 3));
    f("coordinators", &FindCoordinatorResponse::coordinators, since(4));
  }
  friend bool operator==(const FindCoordinatorResponse&, const FindCoordinatorResponse&) = default;
};

}  // namespace godwit::kafka
