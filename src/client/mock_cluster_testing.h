// librdkafka's own brokers in this process, which do what a test says.
//
//   MockCluster cluster;
//   cluster.create("orders", 2);
//   cluster.answers(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});   // the next request
#pragma once

#include <gtest/gtest.h>
// Before the brokers, which need it.
#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h>

#include "godwit/client.h"

namespace godwit::client {

class MockCluster {
 public:
  static constexpr int16_t kProduce = 0;
  static constexpr int16_t kFetch = 1;
  static constexpr int16_t kOffsetCommit = 8;
  static constexpr int16_t kOffsetFetch = 9;

  explicit MockCluster(int brokers = 2) {
    char why[256];
    owner_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    EXPECT_NE(owner_, nullptr) << why;
    cluster_ = rd_kafka_mock_cluster_new(owner_, brokers);
  }
  ~MockCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  void create(const std::string& topic, int partitions = 1) {
    EXPECT_EQ(rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // What the next requests of that kind are answered with, one after the other.
  void answers(int16_t api, const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_, api, errors.size(), errors.data());
  }
  void moves_leader(const std::string& topic, int32_t partition, int32_t broker) {
    EXPECT_EQ(rd_kafka_mock_partition_set_leader(cluster_, topic.c_str(), partition, broker),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // What a broker says of the topic, whatever it knows; with no error what it knows.
  void says_of(const std::string& topic, rd_kafka_resp_err_t error) {
    rd_kafka_mock_topic_set_error(cluster_, topic.c_str(), error);
  }
  void manages(const std::string& group, int32_t broker) {
    EXPECT_EQ(rd_kafka_mock_coordinator_set(cluster_, "group", group.c_str(), broker),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // Each answer of the broker takes so long.
  void delays(int32_t broker, std::chrono::milliseconds time) {
    EXPECT_EQ(rd_kafka_mock_broker_set_rtt(cluster_, broker, static_cast<int>(time.count())),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void takes_down(int32_t broker) { rd_kafka_mock_broker_set_down(cluster_, broker); }
  void brings_up(int32_t broker) { rd_kafka_mock_broker_set_up(cluster_, broker); }

  std::string addresses() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  std::unique_ptr<Client> client(Options options = {}) {
    options.brokers = addresses();
    auto made = Client::make(std::move(options));
    EXPECT_TRUE(made) << made.error().message;
    return std::move(made).value();
  }

 private:
  rd_kafka_t* owner_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace godwit::client
