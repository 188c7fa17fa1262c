#include "client/admin.h"

#include <librdkafka/rdkafka.h>

#include "client/errors.h"

namespace godwit::client {
namespace {

template <class T, void (*Destroy)(T*)>
struct Destroyer {
  void operator()(T* object) const { Destroy(object); }
};
template <class T, void (*Destroy)(T*)>
using Owned = std::unique_ptr<T, Destroyer<T, Destroy>>;

using Queue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using AdminOptions = Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using NewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using OldTopic = Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;

constexpr std::chrono::milliseconds kAnswerWithin{2000};

AdminOptions within(const Handle& handle, rd_kafka_admin_op_t operation, std::chrono::milliseconds timeout) {
  AdminOptions options(rd_kafka_AdminOptions_new(handle.get(), operation));
  char why[256];
  const int ms = static_cast<int>(timeout.count());
  (void)rd_kafka_AdminOptions_set_request_timeout(options.get(), ms, why, sizeof why);
  (void)rd_kafka_AdminOptions_set_operation_timeout(options.get(), ms, why, sizeof why);
  return options;
}

// The single topic's verdict.
template <class Answer, class Topics>
Result<void> verdict(const Queue& queue, const std::string& what, std::chrono::milliseconds timeout,
                     Answer answer, Topics topics) {
  const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>((timeout + kAnswerWithin).count())));
  if (!event) return Error{ErrorKind::timed_out, what + ": no answer in time", 0};
  if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_from(code, what, rd_kafka_event_error_string(event.get()));
  }
  const auto* result = answer(event.get());
  if (result == nullptr) return Error{ErrorKind::other, what + ": an answer of another kind", 0};
  size_t count = 0;
  const auto** all = topics(result, &count);
  for (size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(all[i]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return error_from(code, what, rd_kafka_topic_result_error_string(all[i]));
    }
  }
  return {};
}

}  // namespace

Result<void> create_topic(const Handle& handle, const std::string& topic, const TopicOptions& options,
                          std::chrono::milliseconds timeout) {
  const std::string what = "creating topic " + topic;
  char why[256] = "";
  NewTopic asked(
      rd_kafka_NewTopic_new(topic.c_str(), options.partitions, options.replication_factor, why, sizeof why));
  if (!asked) return Error{ErrorKind::invalid, what + ": " + why, 0};
  for (const auto& [name, value] : options.config) {
    const auto code = rd_kafka_NewTopic_set_config(asked.get(), name.c_str(), value.c_str());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_from(code, what + ": " + name);
  }
  const Queue queue(rd_kafka_queue_new(handle.get()));
  const auto how = within(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout);
  rd_kafka_NewTopic_t* topics[] = {asked.get()};
  rd_kafka_CreateTopics(handle.get(), topics, 1, how.get(), queue.get());
  return verdict(queue, what, timeout, rd_kafka_event_CreateTopics_result,
                 rd_kafka_CreateTopics_result_topics);
}

Result<void> delete_topic(const Handle& handle, const std::string& topic, std::chrono::milliseconds timeout) {
  const OldTopic asked(rd_kafka_DeleteTopic_new(topic.c_str()));
  const Queue queue(rd_kafka_queue_new(handle.get()));
  const auto how = within(handle, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout);
  rd_kafka_DeleteTopic_t* topics[] = {asked.get()};
  rd_kafka_DeleteTopics(handle.get(), topics, 1, how.get(), queue.get());
  return verdict(queue, "deleting topic " + topic, timeout, rd_kafka_event_DeleteTopics_result,
                 rd_kafka_DeleteTopics_result_topics);
}

}  // namespace godwit::client
