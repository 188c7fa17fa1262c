// For tests: what a broker does with the private requests of others: hands them to Metadata.
#pragma once

#include "base/endian.h"
#include "cluster/metadata.h"
#include "kafka/frame.h"
#include "kafka/messages/alter_partition.h"
#include "kafka/messages/api_versions.h"
#include "runtime/sync.h"

namespace godwit::cluster {

class BrokerServer {
 public:
  explicit BrokerServer(runtime::Runtime& runtime) : runtime_(runtime) {}

  // Returns once the port is bound; serves until the node ends.
  runtime::Task<void> listen(uint16_t port) {
    auto listener = co_await runtime_.network().listen({"", port}, {});
    GW_CHECK(listener, "the port is free");
    runtime_.shard(0).spawn(accept(std::move(*listener)));
  }
  void serve(Metadata& metadata) { metadata_ = &metadata; }
  // Everything that this broker did not answer yet is never answered, nor is what comes.
  bool silent = false;

 private:
  runtime::Task<void> accept(std::unique_ptr<runtime::Listener> listener) {
    for (;;) {
      auto stream = co_await listener->accept();
      if (!stream) co_return;
      runtime_.shard(0).spawn(talk(std::move(*stream)));
    }
  }
  runtime::Task<void> talk(std::unique_ptr<runtime::Stream> stream) {
    for (;;) {
      std::byte head[kafka::kFrameLengthSize];
      if (!co_await runtime::read_exactly(*stream, head)) co_return;
      Bytes body(static_cast<size_t>(load_big<int32_t>(head)));
      if (!co_await runtime::read_exactly(*stream, body)) co_return;
      auto request = kafka::parse_request(SharedBytes::own(std::move(body)));
      GW_CHECK(request, request.error().message);
      const Bytes answer = co_await answer_to(std::move(*request));
      if (answer.empty() || silent) co_return;
      const BytesView part = answer;
      if (!co_await stream->write_all({&part, 1})) co_return;
    }
  }
  template <class Request>
  static Request decode(kafka::RequestFrame& frame) {
    auto request = codec::decode<Request>(frame.body, frame.version);
    GW_CHECK(request, request.error().message);
    return std::move(*request);
  }
  template <class Response>
  static Bytes encode(const kafka::RequestFrame& frame, const Response& response) {
    auto bytes = kafka::encode_response(frame.correlation_id, response, frame.version);
    GW_CHECK(bytes, bytes.error().message);
    return bytes->flatten();
  }
  // Empty: the connection is closed.
  runtime::Task<Bytes> answer_to(kafka::RequestFrame frame) {
    if (frame.key() == kafka::ApiKey::api_versions) {
      kafka::ApiVersionsResponse response;
      for (const auto& api : kafka::all_apis())
        response.api_keys.push_back({static_cast<int16_t>(api.key), api.accepted.first, api.accepted.last});
      co_return encode(frame, response);
    }
    if (metadata_ == nullptr) co_return Bytes();
    switch (frame.key()) {
      case kafka::ApiKey::cluster_poll:
        co_return encode(frame, co_await metadata_->serve_poll(decode<kafka::ClusterPollRequest>(frame)));
      case kafka::ApiKey::broker_report:
        co_return encode(frame, co_await metadata_->serve_report(decode<kafka::BrokerReportRequest>(frame)));
      case kafka::ApiKey::broker_probe:
        co_return encode(frame, metadata_->serve_probe(decode<kafka::BrokerProbeRequest>(frame)));
      case kafka::ApiKey::forward: {
        const auto request = decode<kafka::ForwardRequest>(frame);
        kafka::ForwardResponse response;
        if (metadata_->controls()) {
          response.body = request.body;
        } else {
          response.error_code = ErrorCode::not_controller;
        }
        co_return encode(frame, response);
      }
      case kafka::ApiKey::alter_partition:
        co_return encode(frame, co_await alter(decode<kafka::AlterPartitionRequest>(frame)));
      default:
        co_return Bytes();
    }
  }
  runtime::Task<kafka::AlterPartitionResponse> alter(kafka::AlterPartitionRequest request) {
    std::vector<IsrChange> changes;
    for (const auto& topic : request.topics) {
      for (const auto& partition : topic.partitions) {
        IsrChange change{{topic.topic_id, partition.partition_index},
                         partition.leader_epoch,
                         partition.partition_epoch,
                         {}};
        for (const auto& member : partition.new_isr_with_epochs)
          change.isr[member.broker_id] = static_cast<uint64_t>(member.broker_epoch);
        changes.push_back(std::move(change));
      }
    }
    const auto outcomes = co_await metadata_->serve_alter_isr(
        request.broker_id, static_cast<uint64_t>(request.broker_epoch), std::move(changes));
    kafka::AlterPartitionResponse response;
    for (const auto& outcome : outcomes) {
      kafka::AlterPartitionResponse::Partition partition;
      partition.partition_index = outcome.id.partition;
      partition.error_code = outcome.code;
      partition.partition_epoch = static_cast<int32_t>(outcome.version);
      response.topics.push_back({outcome.id.topic, {partition}});
    }
    co_return response;
  }

  runtime::Runtime& runtime_;
  Metadata* metadata_ = nullptr;
};

}  // namespace godwit::cluster
