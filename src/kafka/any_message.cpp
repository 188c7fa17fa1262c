#include "kafka/any_message.h"

#include <algorithm>

#include "base/check.h"
#include "kafka/filler.h"
#include "kafka/messages/alter_configs.h"
#include "kafka/messages/alter_partition.h"
#include "kafka/messages/alter_partition_reassignments.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/broker_probe.h"
#include "kafka/messages/broker_report.h"
#include "kafka/messages/cluster_command.h"
#include "kafka/messages/cluster_poll.h"
#include "kafka/messages/create_acls.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_acls.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_acls.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/forward.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_partition_reassignments.h"
#include "kafka/messages/list_transactions.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/offset_for_leader_epoch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sasl_authenticate.h"
#include "kafka/messages/sasl_handshake.h"
#include "kafka/messages/sync_group.h"

namespace godwit::kafka {
namespace {

struct TagOrder {
  int last = -1;
  bool ascends = true;

  template <class M, class S>
  void operator()(const char*, M S::*, codec::Spec spec = {}) {
    if (spec.tagged()) {
      ascends = ascends && spec.tag > last;
      last = spec.tag;
    }
    descend<M>();
  }
  template <class M>
  void descend() {
    if constexpr (codec::NullableField<M> || codec::ArrayField<M>) {
      descend<typename M::value_type>();
    } else if constexpr (codec::StructField<M>) {
      TagOrder inner;
      M::fields(inner);
      ascends = ascends && inner.ascends;
    }
  }
};

template <class M>
class Typed final : public AnyMessage {
 public:
  ApiKey api() const override { return M::kApi; }
  bool is_request() const override {
    return requires { typename M::Response; };
  }
  const codec::Format& format() const override { return M::kFormat; }

  Result<Value> decode(codec::Input& in, int16_t version) const override {
    auto value = codec::decode<M>(in, version);
    if (!value) return fail(std::move(value).error());
    return std::make_shared<const M>(std::move(*value));
  }
  Result<Chain> encode(const Value& value, int16_t version) const override {
    return codec::encode(typed(value), version);
  }
  Result<size_t> encoded_size(const Value& value, int16_t version) const override {
    return codec::encoded_size(typed(value), version);
  }
  std::string print(const Value& value, size_t size_max) const override {
    return codec::print(typed(value), size_max);
  }
  bool equal(const Value& a, const Value& b) const override { return typed(a) == typed(b); }
  Value defaults() const override { return std::make_shared<const M>(); }
  Value filled(int16_t version, uint64_t seed, int null_percent) const override {
    return std::make_shared<const M>(Filler(seed, null_percent).message<M>(version));
  }
  bool tags_ascend() const override {
    TagOrder order;
    M::fields(order);
    return order.ascends;
  }

 private:
  static const M& typed(const Value& value) { return *static_cast<const M*>(value.get()); }
};

template <class M>
const AnyMessage* any() {
  static const Typed<M> one;
  return &one;
}

template <class Request>
void add(std::vector<const AnyMessage*>& all) {
  all.push_back(any<Request>());
  all.push_back(any<typename Request::Response>());
}

std::vector<const AnyMessage*> list() {
  std::vector<const AnyMessage*> all;
  add<ProduceRequest>(all);
  add<FetchRequest>(all);
  add<ListOffsetsRequest>(all);
  add<MetadataRequest>(all);
  add<OffsetCommitRequest>(all);
  add<OffsetFetchRequest>(all);
  add<FindCoordinatorRequest>(all);
  add<JoinGroupRequest>(all);
  add<HeartbeatRequest>(all);
  add<LeaveGroupRequest>(all);
  add<SyncGroupRequest>(all);
  add<DescribeGroupsRequest>(all);
  add<ListGroupsRequest>(all);
  add<SaslHandshakeRequest>(all);
  add<ApiVersionsRequest>(all);
  add<CreateTopicsRequest>(all);
  add<DeleteTopicsRequest>(all);
  add<DeleteRecordsRequest>(all);
  add<InitProducerIdRequest>(all);
  add<OffsetForLeaderEpochRequest>(all);
  add<DescribeAclsRequest>(all);
  add<CreateAclsRequest>(all);
  add<DeleteAclsRequest>(all);
  add<DescribeConfigsRequest>(all);
  add<AlterConfigsRequest>(all);
  add<DescribeLogDirsRequest>(all);
  add<SaslAuthenticateRequest>(all);
  add<CreatePartitionsRequest>(all);
  add<DeleteGroupsRequest>(all);
  add<ElectLeadersRequest>(all);
  add<IncrementalAlterConfigsRequest>(all);
  add<AlterPartitionReassignmentsRequest>(all);
  add<ListPartitionReassignmentsRequest>(all);
  add<OffsetDeleteRequest>(all);
  add<AlterPartitionRequest>(all);
  add<DescribeClusterRequest>(all);
  add<DescribeProducersRequest>(all);
  add<ListTransactionsRequest>(all);
  add<DescribeTopicPartitionsRequest>(all);
  add<ClusterPollRequest>(all);
  add<BrokerReportRequest>(all);
  add<BrokerProbeRequest>(all);
  add<ClusterCommandRequest>(all);
  add<ForwardRequest>(all);
  return all;
}

const AnyMessage& of(ApiKey api, bool request) {
  for (const AnyMessage* message : all_messages()) {
    if (message->api() == api && message->is_request() == request) return *message;
  }
  GW_CHECK(false, "every enumerator of ApiKey has a request and a response");
}

}  // namespace

std::span<const AnyMessage* const> all_messages() {
  static const std::vector<const AnyMessage*> all = list();
  return all;
}

const AnyMessage* find_message(std::string_view name) {
  const auto all = all_messages();
  const auto at = std::ranges::find(all, name, [](const AnyMessage* m) { return m->format().name; });
  return at == all.end() ? nullptr : *at;
}

const AnyMessage& request_of(ApiKey api) {
  return of(api, true);
}
const AnyMessage& response_of(ApiKey api) {
  return of(api, false);
}

}  // namespace godwit::kafka
