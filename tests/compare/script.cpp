#include "script.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"

namespace godwit::compare {

void Script::die(const std::string& why) {
  std::fprintf(stderr, "compare_answers: %s (after \"%s\")\n", why.c_str(),
               cases_.empty() ? "the start" : cases_.back().name.c_str());
  std::exit(3);
}

Connection& Script::connection() {
  if (!connection_) connection_ = std::make_unique<Connection>(address_);
  return *connection_;
}

std::nullopt_t Script::undecodable(const std::string& name, int16_t version, const Error& error) {
  lost_connection();
  keep(name, version, {"(undecodable) = " + error.message});
  return std::nullopt;
}

void Script::keep(const std::string& name, int16_t version, Lines lines) {
  const auto [at, added] = index_.emplace(name, cases_.size());
  if (added) cases_.push_back({name, {}});
  if (!cases_[at->second].answers.emplace(version, std::move(lines)).second) {
    die("two cases are called \"" + name + "\"");
  }
}

void Script::send_raw(std::string_view what, BytesView bytes, bool finish) {
  Connection alone(address_);
  alone.send(bytes);
  if (finish) alone.finish_sending();
  const Reply reply = alone.receive(1'000);
  const char* how = reply.kind == Reply::Kind::closed    ? "(closed)"
                    : reply.kind == Reply::Kind::silence ? "(silence)"
                                                         : "(answered)";
  keep("Frame: " + std::string(what), 0, {how});
}

void Script::tell_frame(const std::string& name, int16_t version, const Bytes& frame) {
  Connection alone(address_);
  alone.send(frame);
  auto after = kafka::encode_request(77, "compare", kafka::ApiVersionsRequest{}, 0);
  alone.send(after->flatten());
  const Reply reply = alone.receive(5'000);
  if (reply.kind != Reply::Kind::frame) {
    keep(name, version, {reply.kind == Reply::Kind::closed ? "(closed)" : "(silence)"});
    return;
  }
  auto head = kafka::parse_response(reply.frame, kafka::ApiKey::api_versions, 0);
  keep(name, version, {head && head->correlation_id == 77 ? "(no answer, goes on)" : "(answered)"});
}

std::string Script::name(const std::string& stem) {
  std::string real = stem + "-" + std::to_string(++names_);
  normal_.call(real, stem);
  return real;
}

void Script::pause(int ms) {
  // Nobody says anything unasked; a broker that closes meanwhile ends the wait.
  if (connection().receive(ms).kind == Reply::Kind::closed) lost_connection();
}

void Script::meet() {
  const auto metadata = quietly(12, kafka::MetadataRequest{});
  if (metadata.brokers.size() != 1) die("the script is for one broker alone");
  broker_ = metadata.brokers[0].node_id;
  normal_.set_broker(broker_.value());
}

std::string Script::create(const std::string& stem, const TopicSpec& spec) {
  std::string real = name(stem);
  kafka::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = real;
  topic.num_partitions = spec.partitions;
  topic.replication_factor = 1;
  topic.configs = {{.name = "retention.ms", .value = "-1"}};
  for (const auto& [key, value] : spec.configs) topic.configs.push_back({.name = key, .value = value});
  const auto made = quietly(7, request);
  if (made.topics.at(0).error_code != ErrorCode::none) {
    die("topic " + real + ": " + std::string(to_string(made.topics[0].error_code)) + " " +
        made.topics[0].error_message.value_or(""));
  }
  wait_for(real, stem);
  return real;
}

void Script::wait_for(const std::string& topic, const std::string& stem) {
  for (int tries = 0; tries < 200; ++tries) {
    kafka::MetadataRequest request{.allow_auto_topic_creation = false};
    request.topics->push_back({.name = topic});
    const auto metadata = quietly(12, request);
    const auto& found = metadata.topics.at(0);
    if (found.error_code == ErrorCode::none && leads(topic, found.partitions.size())) {
      ids_[topic] = found.topic_id;
      normal_.call(to_string(found.topic_id), "id of " + stem);
      return;
    }
    pause(20);
  }
  die("topic " + topic + " has no leader");
}

bool Script::leads(const std::string& topic, size_t partitions) {
  kafka::ListOffsetsRequest request{.replica_id = kNoBroker};
  auto& asked = request.topics.emplace_back();
  asked.name = topic;
  for (size_t i = 0; i < partitions; ++i) {
    asked.partitions.push_back({.partition_index = PartitionIndex(static_cast<int32_t>(i)), .timestamp = -1});
  }
  const auto answer = quietly(7, request);
  return std::ranges::all_of(answer.topics.at(0).partitions,
                             [](const auto& one) { return one.error_code == ErrorCode::none; });
}

void Script::each_version(kafka::ApiKey api, const std::function<void(int16_t)>& body) {
  const auto versions = kafka::accepted_versions(api);
  for (int16_t v = versions.first; v <= versions.last; ++v) body(v);
}

}  // namespace godwit::compare
