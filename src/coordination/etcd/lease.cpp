#include "coordination/etcd/lease.h"

#include <algorithm>

namespace godwit::coordination::etcd {
namespace {

using runtime::Task;

void note_expiry(LeaseState& lease) {
  lease.expired = true;
  lease.valid_until = MonotonicTime::min();
  lease.changed.notify_all();
}

// The time of the next attempt.
Task<MonotonicTime> renew(Wire& wire, Session& session, LeaseState& lease) {
  const runtime::Shard& shard = *runtime::Shard::current();
  const size_t endpoint = session.endpoint();
  // From before it is sent: the engine's count begins later, so the holder gives up first.
  const MonotonicTime sent = shard.now();
  Reply<LeaseReply> answer = tl::unexpected(Failure{Failure::Kind::token, ""});
  if (auto known = co_await session.authenticate(endpoint); known) {
    answer = co_await wire.keep_alive(endpoint, lease.id);
  } else {
    answer = tl::unexpected(std::move(known).error());
  }
  if (lease.over()) co_return shard.now();
  if (answer) {
    session.note_answer();
    if (answer->timeout <= Duration::zero()) {
      note_expiry(lease);
    } else {
      lease.valid_until = std::max(lease.valid_until, sent + std::min(answer->timeout, lease.timeout));
    }
    co_return sent + lease.timeout / 3;
  }
  if (answer.error().kind == Failure::Kind::not_found) note_expiry(lease);
  if (answer.error().kind == Failure::Kind::token) session.forget_token();
  session.note_failure(endpoint, answer.error());
  co_return shard.now() + backoff(4);
}

// Of a lease that its holder lets run out: whether it has. Asking does not renew it.
Task<MonotonicTime> look_whether_it_ended(Wire& wire, Session& session, LeaseState& lease) {
  const runtime::Shard& shard = *runtime::Shard::current();
  const Duration pause = lease.timeout / 10;
  if (shard.now() < lease.valid_until) co_return std::min(shard.now() + pause, lease.valid_until);
  const auto answer =
      co_await session.read<LeaseReply>([&](size_t at) { return wire.time_to_live(at, lease.id); });
  if (lease.over()) co_return shard.now();
  if (answer ? answer->timeout < Duration::zero() : answer.error().kind == Failure::Kind::not_found)
    note_expiry(lease);
  co_return shard.now() + pause;
}

}  // namespace

Task<void> keep_alive(Wire& wire, Session& session, std::shared_ptr<LeaseState> lease) {
  const runtime::Shard& shard = *runtime::Shard::current();
  MonotonicTime next = shard.now() + lease->timeout / 3;
  while (!lease->over()) {
    if (shard.now() < next) {
      (void)co_await lease->changed.wait_until(next);
      continue;
    }
    if (lease->healthy && !lease->healthy()) {
      next = co_await look_whether_it_ended(wire, session, *lease);
    } else {
      next = co_await renew(wire, session, *lease);
    }
  }
}

}  // namespace godwit::coordination::etcd
