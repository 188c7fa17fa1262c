#include "coordination/etcd/session.h"

#include <algorithm>

namespace godwit::coordination::etcd {

using runtime::Task;

void Session::note_answer() {
  if (!unreachable_told_) return;
  unreachable_told_ = false;
  diagnostics_.emit({Severity::info,
                     "coordination.reachable",
                     "etcd answers again",
                     {{"endpoint", runtime::to_string(wire_.endpoint(endpoint_))}}});
}

void Session::note_failure(size_t endpoint, const Failure& failure) {
  using Kind = Failure::Kind;
  const bool elsewhere =
      failure.kind == Kind::not_sent || failure.kind == Kind::busy || failure.kind == Kind::unknown;
  if (!elsewhere) return;
  // Another call may have gone on already.
  if (endpoint_ == endpoint) endpoint_ = (endpoint_ + 1) % wire_.endpoint_count();
  if (unreachable_told_ || wire_.closed()) return;
  unreachable_told_ = true;
  diagnostics_.emit({Severity::warning,
                     "coordination.unreachable",
                     "an endpoint of etcd does not answer; others are asked, and it again",
                     {{"endpoint", runtime::to_string(wire_.endpoint(endpoint))},
                      {"tls", options_.tls ? "on" : "off"},
                      {"why", failure.message}}});
}

bool Session::lacks_user(const Failure& failure) const {
  return options_.user.empty() && failure.message.find("user name is empty") != std::string::npos;
}

Task<Reply<Done>> Session::authenticate(size_t endpoint) {
  for (;;) {
    if (authenticated_ || options_.user.empty()) co_return Done{};
    const std::shared_ptr<Asking> under_way = asking_;
    if (!under_way || under_way->over) break;
    while (!under_way->over) co_await under_way->ended.wait();
    if (under_way->outcome) co_return *under_way->outcome;
  }
  const auto asking = asking_ = std::make_shared<Asking>();
  const AskingScope scope(asking);
  asking->outcome = co_await ask_for_token(endpoint);
  co_return *asking->outcome;
}

Task<Reply<Done>> Session::ask_for_token(size_t endpoint) {
  // An old token would be refused before the password is looked at.
  wire_.set_token("");
  auto token = co_await wire_.authenticate(endpoint, options_.user, options_.password);
  if (!token) {
    Failure failure = std::move(token).error();
    // An etcd that asks for no password needs no token either.
    if (failure.message.find("authentication is not enabled") != std::string::npos) {
      authenticated_ = true;
      co_return Done{};
    }
    co_return tl::unexpected(std::move(failure));
  }
  wire_.set_token(std::move(*token));
  authenticated_ = true;
  co_return Done{};
}

Error to_error(const Failure& failure, bool wrote) {
  const auto as = [&failure](ErrorKind kind) { return Error{kind, "etcd: " + failure.message}; };
  switch (failure.kind) {
    case Failure::Kind::closed:
      return {ErrorKind::closed, failure.message};
    case Failure::Kind::unknown:
      return as(wrote ? ErrorKind::timed_out : ErrorKind::unavailable);
    case Failure::Kind::denied:
      return as(ErrorKind::permission);
    case Failure::Kind::too_large:
      return as(ErrorKind::limit);
    case Failure::Kind::not_found:
      return as(ErrorKind::not_found);
    case Failure::Kind::no_space:
      return as(ErrorKind::no_space);
    case Failure::Kind::refused:
      return as(ErrorKind::invalid);
    case Failure::Kind::not_sent:
    case Failure::Kind::busy:
    case Failure::Kind::token:
    case Failure::Kind::compacted:
      break;
  }
  return as(ErrorKind::unavailable);
}

Duration backoff(int failures) {
  return std::chrono::milliseconds(std::min(100, 10 << std::clamp(failures - 1, 0, 4)));
}

}  // namespace godwit::coordination::etcd
