#include "coordination/memory/memory_client_core.h"

#include "coordination/memory/memory_client.h"

namespace godwit::coordination {

using runtime::ListNode;
using runtime::Task;
using Outcome = MemoryCall::Outcome;

void MemoryClientCore::tell(const MemoryEngine::Keys& keys, uint64_t change) {
  members_.for_each([&](ListNode& node) { static_cast<Member&>(node).tell(keys, change); });
}

void MemoryClientCore::tell_all() {
  members_.for_each([](ListNode& node) { static_cast<Member&>(node).tell_all(); });
}

uint64_t MemoryClientCore::begin_watch() {
  server_.count(CallKind::watch);
  watching_ = true;
  return server_.changes();
}

void MemoryClientCore::close() {
  closed_ = true;
  calls_.for_each([](ListNode& node) { static_cast<MemoryCall&>(node).told.notify_all(); });
  members_.for_each([](ListNode& node) { static_cast<Member&>(node).wake(); });
}

tl::unexpected<Error> MemoryClientCore::was_closed() {
  return fail(ErrorKind::closed, "the connection to the coordination store was closed");
}

Task<Result<void>> MemoryClientCore::carry(std::shared_ptr<MemoryClientCore> core,
                                           std::shared_ptr<MemoryCall> call) {
  if (core->closed_) co_return was_closed();
  call->deadline = core->shard().now() + kMemoryCallDeadline;
  core->calls_.push_back(*call);
  core->server_.submit(core, call);
  bool in_time = true;
  while (in_time && call->outcome == Outcome::under_way && !core->closed_) {
    in_time = co_await call->told.wait_until(call->deadline);
  }
  call->unlink();
  switch (call->outcome) {
    case Outcome::answered:
      co_return Result<void>();
    case Outcome::not_applied:
      co_return fail(ErrorKind::unavailable, "the coordination store cannot be reached");
    case Outcome::unknown:
      co_return fail(ErrorKind::timed_out,
                     "the connection to the coordination store broke before it answered");
    case Outcome::under_way:
      break;
  }
  if (core->closed_) co_return was_closed();
  co_return fail(ErrorKind::timed_out, "the coordination store did not answer within 500 ms");
}

Result<void> keep_changed(Result<MemoryEngine::Keys> answer, MemoryEngine::Keys& changed) {
  if (!answer) return fail(answer.error());
  changed = std::move(*answer);
  return {};
}

}  // namespace godwit::coordination
