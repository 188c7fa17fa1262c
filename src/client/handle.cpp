#include "client/handle.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <future>
#include <string_view>
#include <thread>

namespace godwit::client {
namespace {

constexpr std::chrono::seconds kDestroyWithin{5};

std::string text(std::chrono::milliseconds time) {
  return std::to_string(time.count());
}

std::string text(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::gzip:
      return "gzip";
    case Compression::snappy:
      return "snappy";
    case Compression::lz4:
      return "lz4";
    case Compression::zstd:
      return "zstd";
  }
  return "none";
}

std::string text(Acks acks) {
  switch (acks) {
    case Acks::all:
      return "all";
    case Acks::leader:
      return "1";
    case Acks::none:
      return "0";
  }
  return "all";
}

Properties common_properties(const Options& options) {
  const auto refresh = std::max(options.metadata_refresh, std::chrono::milliseconds(10));
  return {
      {"bootstrap.servers", options.brokers},
      {"client.id", options.client_id},
      // A leader that dies: the new one is learned with the next refresh. With librdkafka's five minutes it falls back on
      // a tick of a second.
      {"topic.metadata.refresh.interval.ms", text(refresh)},
      {"topic.metadata.refresh.fast.interval.ms", "100"},
      {"metadata.max.age.ms", text(std::max(refresh * 4, std::chrono::milliseconds(10'000)))},
      // A broker that hangs keeps its connections: only this ends them.
      {"socket.timeout.ms", text(options.broker_timeout)},
      {"socket.connection.setup.timeout.ms",
       text(std::max(options.broker_timeout, std::chrono::milliseconds(1000)))},
      {"socket.keepalive.enable", "true"},
      {"socket.nagle.disable", "true"},
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "1000"},
      {"retry.backoff.ms", "50"},
      {"log.connection.close", "false"},
  };
}

// What a rebalance asks for: from here on librdkafka reads these partitions, or no longer does.
void carry_out(rd_kafka_t* kafka, bool assigned, const rd_kafka_topic_partition_list_t* partitions) {
  if (std::string_view(rd_kafka_rebalance_protocol(kafka)) == "COOPERATIVE") {
    // An error means that the instance ends meanwhile.
    rd_kafka_error_t* error = assigned ? rd_kafka_incremental_assign(kafka, partitions)
                                       : rd_kafka_incremental_unassign(kafka, partitions);
    if (error != nullptr) rd_kafka_error_destroy(error);
    return;
  }
  (void)rd_kafka_assign(kafka, assigned ? partitions : nullptr);
}

}  // namespace

Properties producer_properties(const Options& options) {
  Properties all = common_properties(options);
  const bool idempotent = options.idempotent && options.acks == Acks::all;
  const Properties more = {
      {"acks", text(options.acks)},
      {"enable.idempotence", idempotent ? "true" : "false"},
      {"max.in.flight.requests.per.connection", "5"},
      {"compression.type", text(options.compression)},
      {"linger.ms", text(options.linger)},
      {"delivery.timeout.ms", text(options.delivery_timeout)},
      // As Kafka's Java producer: a key goes to the same partition whoever writes it.
      {"partitioner", "murmur2_random"},
      {"queue.buffering.max.messages", "10000000"},
      {"queue.buffering.max.kbytes", std::to_string(std::max<size_t>(1, options.buffer_bytes / 1024))},
      // A topic that was just created may not be known everywhere yet.
      {"topic.metadata.propagation.max.ms", "5000"},
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Properties consumer_properties(const Options& options) {
  Properties all = common_properties(options);
  const auto heartbeat = std::max(options.session_timeout / 4, std::chrono::milliseconds(1));
  const Properties more = {
      {"session.timeout.ms", text(options.session_timeout)},
      {"heartbeat.interval.ms", text(std::min(heartbeat, std::chrono::milliseconds(3000)))},
      // What was done is committed by us, after it was done.
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"enable.partition.eof", "true"},
      {"fetch.error.backoff.ms", "50"},
      {"fetch.wait.max.ms", text(std::min(options.broker_timeout / 2, std::chrono::milliseconds(500)))},
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Result<Handle> Handle::make(Role role, const Options& options, const Properties& properties,
                            OnDelivered on_delivered, OnRebalance on_rebalance) {
  std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(),
                                                                          &rd_kafka_conf_destroy);
  char why[512] = "";
  Properties all = properties;
  all.insert(all.end(), options.properties.begin(), options.properties.end());
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
      // Never the value: it may be a password under a name that is not quite right.
      const bool shows_it = !value.empty() && std::string(why).find(value) != std::string::npos;
      return Error{ErrorKind::invalid, name + ": " + (shows_it ? "its value is not valid" : why), 0};
    }
  }
  auto listener = std::make_shared<Listener>();
  listener->diagnostics = options.diagnostics;
  rd_kafka_conf_set_opaque(conf.get(), listener.get());
  // Without a callback librdkafka would write to standard error, which is not ours.
  rd_kafka_conf_set_log_cb(conf.get(),
                           [](const rd_kafka_t* kafka, int, const char* facility, const char* line) {
                             const auto* told = static_cast<const Listener*>(rd_kafka_opaque(kafka));
                             if (told != nullptr && !told->silent && told->diagnostics)
                               told->diagnostics(std::string(facility) + ": " + line);
                           });
  listener->on_delivered = on_delivered;
  if (on_delivered != nullptr) {
    rd_kafka_conf_set_dr_msg_cb(conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
      static_cast<const Listener*>(opaque)->on_delivered(*message);
    });
  }
  listener->on_rebalance = std::move(on_rebalance);
  if (listener->on_rebalance) {
    rd_kafka_conf_set_rebalance_cb(conf.get(), [](rd_kafka_t* rk, rd_kafka_resp_err_t code,
                                                  rd_kafka_topic_partition_list_t* partitions, void* opaque) {
      const auto& tell = static_cast<const Listener*>(opaque)->on_rebalance;
      if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS || code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        const bool assigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        tell(assigned, *partitions);
        carry_out(rk, assigned, partitions);
        return;
      }
      // It failed: nothing is held then, says the library.
      rd_kafka_topic_partition_list_t* all = nullptr;
      if (rd_kafka_assignment(rk, &all) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        tell(false, *all);
        rd_kafka_topic_partition_list_destroy(all);
      }
      (void)rd_kafka_assign(rk, nullptr);
    });
  }
  const auto type = role == Role::producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER;
  rd_kafka_t* kafka = rd_kafka_new(type, conf.get(), why, sizeof why);
  if (kafka == nullptr) return Error{ErrorKind::invalid, why, 0};
  // The instance owns it now.
  (void)conf.release();
  return Handle(kafka, std::move(listener));
}

Handle::Handle(rd_kafka_s* kafka, std::shared_ptr<Listener> listener)
    : kafka_(kafka), listener_(std::move(listener)) {}

Handle::Handle(Handle&& other) noexcept
    : kafka_(std::exchange(other.kafka_, nullptr)), listener_(std::move(other.listener_)) {}

Handle::~Handle() {
  if (kafka_ == nullptr) return;
  auto ended = std::make_shared<std::promise<void>>();
  const auto end = ended->get_future();
  std::thread([kafka = kafka_, listener = listener_, ended] {
    rd_kafka_destroy(kafka);
    ended->set_value();
  }).detach();
  if (end.wait_for(kDestroyWithin) != std::future_status::ready) listener_->silent = true;
}

}  // namespace godwit::client
