#include "client/producer.h"

#include <librdkafka/rdkafka.h>

#include <future>

#include "client/errors.h"

namespace godwit::client {
namespace {

constexpr int kPollMs = 100;
// After a purge only callbacks are left to run.
constexpr int kPurgeMs = 10'000;

struct Pending {
  DeliveryCallback done;
};

void delivered(const rd_kafka_message_t& message) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(message._private));
  if (!pending || !pending->done) return;
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::string topic = message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : "a topic";
    pending->done(error_from(message.err, "writing to " + topic));
    return;
  }
  pending->done(Written{message.partition, message.offset, rd_kafka_message_latency(&message)});
}

rd_kafka_vu_t number(rd_kafka_vtype_t type, int64_t value) {
  rd_kafka_vu_t item{};
  item.vtype = type;
  item.u.i64 = value;
  return item;
}

rd_kafka_vu_t bytes(rd_kafka_vtype_t type, const std::string* value) {
  rd_kafka_vu_t item{};
  item.vtype = type;
  // The copy is librdkafka's, which only reads; its structure is not const.
  item.u.mem.ptr = value != nullptr ? const_cast<char*>(value->data()) : nullptr;
  item.u.mem.size = value != nullptr ? value->size() : 0;
  return item;
}

std::vector<rd_kafka_vu_t> describe(const std::string& topic, const Message& message, Pending* pending) {
  std::vector<rd_kafka_vu_t> all;
  rd_kafka_vu_t item{};
  item.vtype = RD_KAFKA_VTYPE_TOPIC;
  item.u.cstr = topic.c_str();
  all.push_back(item);
  item = {};
  item.vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  item.u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
  all.push_back(item);
  item = {};
  item.vtype = RD_KAFKA_VTYPE_OPAQUE;
  item.u.ptr = pending;
  all.push_back(item);
  if (message.partition) {
    item = {};
    item.vtype = RD_KAFKA_VTYPE_PARTITION;
    item.u.i32 = *message.partition;
    all.push_back(item);
  }
  if (message.timestamp_ms) all.push_back(number(RD_KAFKA_VTYPE_TIMESTAMP, *message.timestamp_ms));
  if (message.key) all.push_back(bytes(RD_KAFKA_VTYPE_KEY, &*message.key));
  all.push_back(bytes(RD_KAFKA_VTYPE_VALUE, message.value ? &*message.value : nullptr));
  for (const auto& header : message.headers) {
    item = {};
    item.vtype = RD_KAFKA_VTYPE_HEADER;
    item.u.header.name = header.name.c_str();
    item.u.header.val = header.value ? header.value->data() : nullptr;
    item.u.header.size = header.value ? static_cast<ssize_t>(header.value->size()) : 0;
    all.push_back(item);
  }
  return all;
}

}  // namespace

Result<std::unique_ptr<Producer>> Producer::make(const Options& options) {
  auto handle = Handle::make(Handle::Role::producer, options, producer_properties(options), delivered);
  if (!handle) return handle.error();
  return std::unique_ptr<Producer>(new Producer(std::move(*handle)));
}

Producer::Producer(Handle handle) : handle_(std::move(handle)), poller_([this] { poll(); }) {}

Producer::~Producer() {
  stopping_ = true;
  poller_.join();
}

void Producer::poll() {
  while (!stopping_) {
    if (flushing_ == 0) {
      (void)rd_kafka_poll(handle_.get(), kPollMs);
      continue;
    }
    // As poll, and nothing lingers for company.
    (void)rd_kafka_flush(handle_.get(), kPollMs);
    // What was taken off the queue has had its callback, for only this thread takes. The count is looked at under the
    // lock: it must not be older than the flush that is told of it.
    const std::lock_guard lock(mutex_);
    if (under_way() > 0) continue;
    ++drained_;
    told_.notify_all();
  }
  if (under_way() == 0) return;
  (void)rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  (void)rd_kafka_flush(handle_.get(), kPurgeMs);
}

Result<void> Producer::write_async(const std::string& topic, Message message, DeliveryCallback done) {
  if (message.partition && *message.partition < 0) {
    return Error{ErrorKind::invalid, "partition " + std::to_string(*message.partition) + " is below 0", 0};
  }
  if (message.timestamp_ms && *message.timestamp_ms < 1) {
    return Error{ErrorKind::invalid, "a timestamp is above 0", 0};
  }
  auto pending = std::make_unique<Pending>(std::move(done));
  const auto items = describe(topic, message, pending.get());
  rd_kafka_error_t* error = rd_kafka_produceva(handle_.get(), items.data(), items.size());
  if (error != nullptr) {
    Error told = error_from(rd_kafka_error_code(error), "writing to " + topic, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return told;
  }
  // The delivery report takes it back.
  (void)pending.release();
  return {};
}

Result<Written> Producer::write(const std::string& topic, Message message) {
  auto promise = std::make_shared<std::promise<Result<Written>>>();
  auto ended = promise->get_future();
  auto taken = write_async(topic, std::move(message),
                           [promise](Result<Written> result) { promise->set_value(std::move(result)); });
  if (!taken) return taken.error();
  return ended.get();
}

Result<void> Producer::flush(std::chrono::milliseconds timeout) {
  {
    std::unique_lock lock(mutex_);
    ++flushing_;
    const bool all = told_.wait_for(lock, timeout, [this, before = drained_] { return drained_ != before; });
    --flushing_;
    if (all) return {};
  }
  return Error{ErrorKind::timed_out, std::to_string(under_way()) + " messages are not acknowledged yet", 0};
}

size_t Producer::under_way() const {
  return static_cast<size_t>(rd_kafka_outq_len(handle_.get()));
}

}  // namespace godwit::client
