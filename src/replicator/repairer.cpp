#include "replicator/repairer.h"

#include <algorithm>

#include "kafka/messages/fetch.h"
#include "record/batches.h"

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

// What an answer says of the damage: the batches that begin before its end (what lies behind is there already, or not yet),
// and up to where these are all that the replica has. A batch behind the damage says that nothing more is in it.
struct Covered {
  BytesView batches;
  Offset to;
};
Covered covered(const Bytes& batches, const storage::Log::Damage& damage) {
  size_t size = 0;
  Offset to = damage.from;
  (void)for_each_batch(batches, {.check_crc = false}, [&](const BatchView& batch, size_t) -> Result<void> {
    const bool behind = batch.header().base_offset >= damage.to;
    if (!behind) size += batch.bytes().size();
    to = std::max(to, behind ? damage.to : batch.header().next_offset());
    return {};
  });
  return {BytesView(batches).first(size), to};
}

// Puts back as much of the damage as one answer holds. Errors as repair().
Task<Result<void>> mend(peer::Connection& connection, storage::Log& log, storage::Log::Damage damage) {
  const auto batches = co_await fetch(connection, log.id(), damage.from);
  if (!batches) co_return fail(batches.error());
  const Covered covers = covered(*batches, damage);
  const auto done = co_await log.repair(covers.batches, damage.from, covers.to);
  if (!done) co_return fail(ErrorKind::corrupt, done.error().message);
  for (const auto& left : log.damages()) {
    if (left.from == damage.from)
      co_return fail(ErrorKind::unavailable, "what it sent does not cover the damage");
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<size_t>> repair(storage::Log& log, Leader from, runtime::Runtime& runtime, Duration patience) {
  peer::ConnectionOptions options;
  options.client_id = "godwit-repair";
  options.connect_timeout = patience;
  options.request_timeout = patience;
  auto connection = co_await peer::Connection::connect(runtime.network(), from.at, options);
  if (!connection) co_return fail(connection.error());
  const size_t damaged = log.damages().size();
  std::optional<Error> trouble;
  Offset at = log.start();
  for (;;) {
    // One that this replica cannot mend holds up no other.
    const auto damages = log.damages();
    const auto next = std::ranges::find_if(damages, [&](const auto& damage) { return damage.from >= at; });
    if (next == damages.end()) break;
    at = next->from + 1;
    const auto done = co_await mend(**connection, log, *next);
    if (done) continue;
    trouble = done.error();
    if (!(*connection)->open()) break;
    at = next->to;
  }
  if (trouble) co_return fail(*trouble);
  co_return damaged;
}

}  // namespace godwit::replicator
