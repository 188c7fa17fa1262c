#include "client/producer.h"

#include <librdkafka/rdkafka.h>

#include <future>

#include "client/errors.h"

namespace godwit::client {
namespace {

constexpr int kPollMs = 100;
// After a purge only callbacks are left to run.
constexpr int kPurgesMax = 100;
// A writer that waits for room looks again after so long at the latest.
constexpr std::chrono::milliseconds kRoomLookAgain{20};

Result<Written> outcome_of(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR)
    return Written{message.partition, message.offset, rd_kafka_message_latency(&message)};
  const std::string topic = message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : "a topic";
  return error_from(message.err, "writing to " + topic);
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

std::vector<rd_kafka_vu_t> describe(const std::string& topic, const Message& message, void* pending) {
  std::vector<rd_kafka_vu_t> all;
  rd_kafka_vu_t item{};
  item.vtype = RD_KAFKA_VTYPE_TOPIC;
  item.u.cstr = topic.c_str();
  all.push_back(item);
  item = {};
  item.vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  item.u.i = RD_KAFKA_MSG_F_COPY;
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

// What librdkafka keeps with a message, and gives back with its report.
struct Producer::Pending {
  Producer& producer;
  uint64_t round;
  DeliveryCallback done;
};

Result<std::unique_ptr<Producer>> Producer::make(const Options& options) {
  auto handle = Handle::make(
      Handle::Role::producer, options, producer_properties(options), [](const rd_kafka_message_t& message) {
        const std::unique_ptr<Pending> pending(static_cast<Pending*>(message._private));
        if (!pending) return;
        if (pending->done) pending->done(outcome_of(message));
        pending->producer.ended_one(pending->round);
      });
  if (!handle) return handle.error();
  return std::unique_ptr<Producer>(new Producer(std::move(*handle), options.buffer_bytes));
}

Producer::Producer(Handle handle, size_t buffer_bytes)
    : handle_(std::move(handle)), buffer_bytes_(buffer_bytes), poller_([this] { poll(); }) {}

Producer::~Producer() {
  end();
}

void Producer::end() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ending_, true)) return;
    changed_.notify_all();
  }
  wake_poller();
  poller_.join();
}

void Producer::poll() {
  for (;;) {
    bool flushing = false;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) break;
      flushing = flushing_ > 0;
    }
    // With a flush nothing lingers for company.
    if (flushing) {
      (void)rd_kafka_flush(handle_.get(), kPollMs);
    } else {
      (void)rd_kafka_poll(handle_.get(), kPollMs);
    }
  }
  // Nothing is taken any more.
  for (int i = 0; i < kPurgesMax && rd_kafka_outq_len(handle_.get()) > 0; ++i) {
    (void)rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(handle_.get(), kPollMs);
  }
}

void Producer::wake_poller() {
  rd_kafka_queue_t* const queue = rd_kafka_queue_get_main(handle_.get());
  rd_kafka_queue_yield(queue);
  rd_kafka_queue_destroy(queue);
}

void Producer::ended_one(uint64_t round) {
  const std::lock_guard lock(mutex_);
  const auto found = under_way_.find(round);
  if (--found->second == 0) under_way_.erase(found);
  if (waiting_ > 0) changed_.notify_all();
}

Result<void> Producer::write_async(const std::string& topic, Message message, DeliveryCallback done) {
  if (message.partition && *message.partition < 0) {
    return Error{ErrorKind::invalid, "partition " + std::to_string(*message.partition) + " is below 0", 0};
  }
  if (message.timestamp_ms && *message.timestamp_ms < 1) {
    return Error{ErrorKind::invalid, "a timestamp is above 0", 0};
  }
  const size_t size = (message.key ? message.key->size() : 0) + (message.value ? message.value->size() : 0);
  if (size > buffer_bytes_) {
    return Error{ErrorKind::too_large,
                 "a message of " + std::to_string(size) + " bytes does not fit into buffer_bytes", 0};
  }
  auto pending = std::make_unique<Pending>(*this, 0, std::move(done));
  const auto items = describe(topic, message, pending.get());
  std::unique_lock lock(mutex_);
  for (;;) {
    if (ending_) return Error{ErrorKind::closed, "the client was closed", 0};
    pending->round = round_;
    // Under the lock, which its report needs as well: after end() nothing is taken, and what is taken is counted first.
    rd_kafka_error_t* const error = rd_kafka_produceva(handle_.get(), items.data(), items.size());
    if (error == nullptr) break;
    const auto code = rd_kafka_error_code(error);
    Error told = error_from(code, "writing to " + topic, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    // Room comes with reports, which a callback holds up.
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || std::this_thread::get_id() == poller_.get_id()) return told;
    ++waiting_;
    (void)changed_.wait_for(lock, kRoomLookAgain);
    --waiting_;
  }
  ++under_way_[round_];
  // The delivery report takes it back.
  (void)pending.release();
  return {};
}

Result<Written> Producer::write(const std::string& topic, Message message) {
  if (std::this_thread::get_id() == poller_.get_id()) {
    return Error{ErrorKind::invalid, "a callback cannot wait for a write: use write_async there", 0};
  }
  auto promise = std::make_shared<std::promise<Result<Written>>>();
  auto ended = promise->get_future();
  auto taken = write_async(topic, std::move(message),
                           [promise](Result<Written> result) { promise->set_value(std::move(result)); });
  if (!taken) return taken.error();
  return ended.get();
}

Result<void> Producer::flush(std::chrono::milliseconds timeout) {
  if (std::this_thread::get_id() == poller_.get_id()) {
    return Error{ErrorKind::invalid, "a callback cannot wait for other messages", 0};
  }
  std::unique_lock lock(mutex_);
  // What is written from here on is not waited for.
  const uint64_t last = round_++;
  const auto over = [&] { return under_way_.empty() || under_way_.begin()->first > last; };
  if (over()) return {};
  ++flushing_;
  ++waiting_;
  wake_poller();
  const bool all = changed_.wait_for(lock, timeout, over);
  --waiting_;
  --flushing_;
  if (all) return {};
  size_t left = 0;
  for (const auto& [round, count] : under_way_) left += round <= last ? count : 0;
  return Error{ErrorKind::timed_out, std::to_string(left) + " messages are not acknowledged yet", 0};
}

}  // namespace godwit::client
