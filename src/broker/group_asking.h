// Asking the manager of a group, on whatever shard it lives.
//
//   groups::HeartbeatResponse response = co_await ask_manager(context.shard, groups::HeartbeatRequest{…});
#pragma once

#include <atomic>
#include <optional>
#include <string_view>
#include <utility>

#include "broker/broker_shard.h"
#include "groups/request.h"

namespace godwit::broker {

// The partition of __consumer_offsets that holds `group`; empty while there is no such topic.
std::optional<TopicPartition> manager_of(const cluster::Image& image, std::string_view group);

// Asks the manager of the group that `request` names. Where no manager is here the answer is NOT_COORDINATOR, upon which
// clients look for it anew. ListGroups names no group: see list_groups.cpp. `gone`: as GroupDriver::ask().
runtime::Task<groups::Response> ask_manager_of(BrokerShard& shard, std::string group, groups::Request request,
                                               const std::atomic<bool>* gone = nullptr);

// The same on the shard that owns the group's partition.
runtime::Task<groups::Response> ask_manager_here(BrokerShard& owner, PartitionIndex partition,
                                                 groups::Request request,
                                                 const std::atomic<bool>* gone = nullptr);

namespace detail {

template <class T, size_t I = 0>
constexpr size_t index_of_request() {
  if constexpr (std::is_same_v<std::variant_alternative_t<I, groups::Request>, T>) {
    return I;
  } else {
    return index_of_request<T, I + 1>();
  }
}

}  // namespace detail

// A request and its answer have the same index in their variants.
template <class Request>
using ManagerAnswer = std::variant_alternative_t<detail::index_of_request<Request>(), groups::Response>;

template <class Request>
runtime::Task<ManagerAnswer<Request>> ask_manager(BrokerShard& shard, Request request,
                                                  const std::atomic<bool>* gone = nullptr) {
  std::string group = request.group;
  groups::Response response = co_await ask_manager_of(shard, std::move(group), std::move(request), gone);
  co_return std::get<ManagerAnswer<Request>>(std::move(response));
}

}  // namespace godwit::broker
