#include "replicator/repairer.h"

#include "kafka/messages/fetch.h"

namespace godwit::replicator {

using runtime::Task;

namespace {

constexpr int32_t kBytesAtOnce = 8 << 20;

// Whole batches from the one that contains `from`, as that replica has them.
Task<Result<Bytes>> fetch(peer::Connection& connection, const TopicPartition& id, Offset from) {
  kafka::FetchRequest request;
  request.max_wait_ms = 0;
  request.min_bytes = 0;
  request.max_bytes = kBytesAtOnce;
  kafka::FetchRequest::Partition partition;
  partition.partition = id.partition;
  partition.fetch_offset = from;
  partition.partition_max_bytes = kBytesAtOnce;
  request.topics.push_back({"", id.topic, {partition}});
  auto response = co_await connection.call(std::move(request));
  if (!response) co_return fail(response.error());
  if (response->error_code != ErrorCode::none || response->responses.size() != 1 ||
      response->responses.front().partitions.size() != 1) {
    co_return fail(ErrorKind::unavailable, "it answers " + std::string(to_string(response->error_code)));
  }
  auto& answer = response->responses.front().partitions.front();
  if (answer.error_code != ErrorCode::none || !answer.records || answer.records->empty())
    co_return fail(ErrorKind::unavailable, "it answers " + std::string(to_string(answer.error_code)));
  co_return answer.records->flatten();
}

}  // namespace

Task<Result<size_t>> repair(storage::Log& log, Leader from, runtime::Runtime& runtime, Duration patience) {
  peer::ConnectionOptions options;
  options.client_id = "godwit-repair";
  options.connect_timeout = patience;
  options.request_timeout = patience;
  auto connection = co_await peer::Connection::connect(runtime.network(), from.at, options);
  if (!connection) co_return fail(connection.error());
  size_t repaired = 0;
  for (;;) {
    const auto before = log.damages();
    if (before.empty()) co_return repaired;
    auto batches = co_await fetch(**connection, log.id(), before.front().from);
    if (!batches) co_return fail(batches.error());
    const auto done = co_await log.repair(*batches);
    if (!done) co_return fail(ErrorKind::corrupt, done.error().message);
    const auto after = log.damages();
    if (after.size() < before.size()) repaired += before.size() - after.size();
    const bool progress =
        after.size() < before.size() || (!after.empty() && after.front().from > before.front().from);
    if (!progress) co_return fail(ErrorKind::unavailable, "what it sent does not cover the damage");
  }
}

}  // namespace godwit::replicator
