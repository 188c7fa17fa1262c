// Asks etcd's endpoints until one answers: where to ask, when to ask again, and what an outcome means to the caller.
//
//   auto page = co_await session.read<RangePage>("a list", [&](size_t at) { return wire.range(at, ask); });
//
// Reads may be asked again anywhere. A write is asked again only where it is certain that nothing happened; an unknown
// outcome ends it with timed_out. On one shard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/diagnostic.h"
#include "coordination/etcd/wire.h"
#include "runtime/sync.h"

namespace godwit::coordination::etcd {

struct SessionOptions {
  std::string user;  // empty: none
  std::string password;
  bool tls = false;  // for people: told of an endpoint that does not answer
  // How long a call goes on asking: an election inside etcd is waited out.
  Duration call_timeout = std::chrono::milliseconds(1500);
};

class Session {
 public:
  // `wire` and `diagnostics` must outlive it.
  Session(Wire& wire, SessionOptions options, DiagnosticSink& diagnostics)
      : wire_(wire), options_(std::move(options)), diagnostics_(diagnostics) {}

  template <class T>
  using Ask = std::function<runtime::Task<Reply<T>>(size_t endpoint)>;

  // The answer, or what it came to: Failure kinds that are an answer too (compacted, too_large, not_found, denied,
  // refused, no_space) are given on at once.
  template <class T>
  runtime::Task<Reply<T>> read(Ask<T> ask) {
    return repeat<T>(std::move(ask), Repeat::always);
  }
  template <class T>
  runtime::Task<Reply<T>> write(Ask<T> ask) {
    return repeat<T>(std::move(ask), Repeat::if_nothing_happened);
  }

  // The endpoint that answered last.
  size_t endpoint() const { return endpoint_; }
  // Tells what came of an attempt at `endpoint` that was made past read() and write(): another is taken after a failure.
  void note_answer();
  void note_failure(size_t endpoint, const Failure& failure);
  // Gets a token where one is needed and none is known to be good. Well when none is needed. However many ask meanwhile, etcd
  // is asked once: it works long on a password, and each new token would be asked for in the place of another.
  runtime::Task<Reply<Done>> authenticate(size_t endpoint);
  void forget_token() { authenticated_ = false; }
  // etcd asks who this is, and no user was named: asking again changes nothing.
  bool lacks_user(const Failure& failure) const;

 private:
  enum class Repeat { always, if_nothing_happened };
  template <class T>
  runtime::Task<Reply<T>> repeat(Ask<T> ask, Repeat repeat);
  template <class T>
  runtime::Task<Reply<T>> attempt(Ask<T>& ask, Repeat repeat, size_t endpoint);
  runtime::Task<Reply<Done>> ask_for_token(size_t endpoint);

  // A token that is on its way, for all who wait for it.
  struct Asking {
    std::optional<Reply<Done>> outcome;
    bool over = false;  // without an outcome: whoever asked was destroyed meanwhile, and the next one asks
    runtime::Condition ended;
  };
  // Ends an asking with the task that asks, however that ends. Touches nothing of the session, which may be gone by then.
  class AskingScope {
   public:
    explicit AskingScope(std::shared_ptr<Asking> asking) : asking_(std::move(asking)) {}
    ~AskingScope() {
      asking_->over = true;
      asking_->ended.notify_all();
    }
    AskingScope(const AskingScope&) = delete;
    AskingScope& operator=(const AskingScope&) = delete;

   private:
    std::shared_ptr<Asking> asking_;
  };

  Wire& wire_;
  SessionOptions options_;
  DiagnosticSink& diagnostics_;
  size_t endpoint_ = 0;
  bool authenticated_ = false;
  std::shared_ptr<Asking> asking_;
  bool unreachable_told_ = false;
};

// What a caller of Coordination is told. `wrote`: an unknown outcome is timed_out; of a read it is unavailable.
Error to_error(const Failure& failure, bool wrote);

// The pause before the next attempt after `failures` of them in a row: 10 ms at first, never above 100 ms.
Duration backoff(int failures);

template <class T>
runtime::Task<Reply<T>> Session::attempt(Ask<T>& ask, Repeat repeat, size_t endpoint) {
  if (repeat == Repeat::if_nothing_happened) {
    // Without this, a connection that could not be made would look like an answer that was lost.
    if (auto there = co_await wire_.connected(endpoint); !there)
      co_return tl::unexpected(std::move(there).error());
  }
  if (auto known = co_await authenticate(endpoint); !known) {
    Failure failure = std::move(known).error();
    // Of what the caller asked for, nothing was sent.
    if (failure.kind == Failure::Kind::unknown) failure.kind = Failure::Kind::not_sent;
    co_return tl::unexpected(std::move(failure));
  }
  co_return co_await ask(endpoint);
}

template <class T>
runtime::Task<Reply<T>> Session::repeat(Ask<T> ask, Repeat repeat) {
  const runtime::Shard& shard = *runtime::Shard::current();
  const MonotonicTime end = shard.now() + options_.call_timeout;
  for (int failures = 0;;) {
    const size_t at = endpoint_;
    auto answer = co_await attempt<T>(ask, repeat, at);
    if (answer) {
      note_answer();
      co_return answer;
    }
    bool again = false;
    switch (answer.error().kind) {
      case Failure::Kind::not_sent:
      case Failure::Kind::busy:
        again = true;
        break;
      case Failure::Kind::token:
        forget_token();
        again = !lacks_user(answer.error());
        if (!again) answer.error().kind = Failure::Kind::denied;
        break;
      case Failure::Kind::unknown:
        again = repeat == Repeat::always;
        break;
      default:
        break;
    }
    note_failure(at, answer.error());
    if (!again || wire_.closed()) co_return answer;
    ++failures;
    // Each endpoint is tried once without a pause.
    if (failures >= static_cast<int>(wire_.endpoint_count())) {
      const MonotonicTime next = shard.now() + backoff(failures);
      if (next >= end) co_return answer;
      co_await runtime::sleep_until(next);
    }
  }
}

}  // namespace godwit::coordination::etcd
