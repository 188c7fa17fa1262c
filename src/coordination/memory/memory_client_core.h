// What a client of MemoryServer, its leases and its watches share: the way of a call, and who is told of news.
// For the sources of this folder; others include memory_client.h.
#pragma once

#include <memory>
#include <optional>

#include "coordination/memory/memory_server.h"

namespace godwit::coordination {

// Held by objects and frames of one process, and by nobody else.
class MemoryClientCore final : public MemoryPeer {
 public:
  // A watch or a lease: leaves the core when it is destroyed.
  class Member : public runtime::ListNode {
   public:
    virtual ~Member() = default;
    // As MemoryPeer's.
    virtual void tell(const MemoryEngine::Keys& /*keys*/, uint64_t /*change*/) {}
    virtual void tell_all() {}
    // The client was closed: whoever waits must look.
    virtual void wake() = 0;
  };

  MemoryClientCore(MemoryServer& server, runtime::Shard& shard, Link link)
      : MemoryPeer(shard, std::move(link)), server_(server) {}

  bool watching() const override { return watching_; }
  void tell(const MemoryEngine::Keys& keys, uint64_t change) override;
  void tell_all() override;

  void add(Member& member) { members_.push_back(member); }
  // A watch begins: gives the number of the last change that it need not be told.
  uint64_t begin_watch();

  bool closed() const { return closed_; }
  void close();
  static tl::unexpected<Error> was_closed();

  // Sends the call and waits for its outcome, its deadline or close(), whichever comes first. Nothing when it was
  // answered; errors: unavailable (not applied), timed_out (unknown), closed (unknown).
  static runtime::Task<Result<void>> carry(std::shared_ptr<MemoryClientCore> core,
                                           std::shared_ptr<MemoryCall> call);

 private:
  MemoryServer& server_;
  runtime::List members_;
  runtime::List calls_;
  bool watching_ = false;
  bool closed_ = false;
};

// Has `operation` done at the server and gives its answer; it adds the keys that it changes. Errors besides its own:
// carry()'s.
template <class T>
runtime::Task<Result<T>> ask(
    std::shared_ptr<MemoryClientCore> core, CallKind kind,
    std::function<Result<T>(MemoryEngine&, MonotonicTime now, MemoryEngine::Keys& changed)> operation) {
  struct Call final : MemoryCall {
    std::optional<Result<T>> answer;
  };
  auto call = std::make_shared<Call>();
  call->kind = kind;
  call->apply = [self = call.get(), operation = std::move(operation)](MemoryEngine& engine,
                                                                      MonotonicTime now) {
    MemoryEngine::Keys changed;
    self->answer.emplace(operation(engine, now, changed));
    return changed;
  };
  GW_TRY(co_return, co_await MemoryClientCore::carry(std::move(core), call));
  co_return std::move(*call->answer);
}

// An answer of the engine that is a list of changed keys, as ask() wants it.
Result<void> keep_changed(Result<MemoryEngine::Keys> answer, MemoryEngine::Keys& changed);

}  // namespace godwit::coordination
