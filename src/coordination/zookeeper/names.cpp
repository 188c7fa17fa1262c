#include "coordination/zookeeper/names.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace godwit::coordination::zookeeper {
namespace {

using Clock = std::chrono::steady_clock;

// As `again`, while no server at all is known.
constexpr Duration kFirstAgain = std::chrono::milliseconds(500);

std::vector<std::string> split(const std::string& servers) {
  std::vector<std::string> all;
  for (size_t at = 0; at < servers.size();) {
    const size_t end = std::min(servers.find(',', at), servers.size());
    if (end > at) all.push_back(servers.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const auto& part : parts) {
    if (part.empty()) continue;
    if (!all.empty()) all += ',';
    all += part;
  }
  return all;
}

// `flags`: getaddrinfo's.
std::string addresses_of(const std::string& server, int flags) {
  const size_t colon = server.rfind(':');
  if (colon == std::string::npos) return {};
  const std::string port = server.substr(colon + 1);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (::getaddrinfo(server.substr(0, colon).c_str(), port.c_str(), &hints, &found) != 0) return {};
  std::vector<std::string> all;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0)
      all.push_back(std::string(text) + ':' + port);
  }
  ::freeaddrinfo(found);
  // A nameserver that gives them in turns has not moved the server.
  std::ranges::sort(all);
  return join(all);
}

}  // namespace

std::string resolve_server(const std::string& server) {
  return addresses_of(server, 0);
}

// Shared with the thread of a look-up, which may outlive the names.
struct Names::State {
  Resolve resolve;
  Duration again{};
  std::vector<std::string> servers;  // those to look up; empty: all are addresses
  mutable std::mutex mutex;          // guards what follows
  std::vector<std::string> found;    // of each server
  bool looking = false;
  std::optional<Clock::time_point> began;
  bool complete =
      false;  // each server was looked up once: nobody begins with the first one's addresses alone
  bool abandoned = false;  // nobody waits for the answer any more
};

Names::Names(const std::string& servers, Resolve resolve, Duration again)
    : state_(std::make_shared<State>()) {
  state_->resolve = std::move(resolve);
  state_->again = again;
  state_->servers = split(servers);
  for (const auto& server : state_->servers)
    state_->found.push_back(addresses_of(server, AI_NUMERICHOST | AI_NUMERICSERV));
  if (std::ranges::none_of(state_->found, [](const auto& one) { return one.empty(); }))
    state_->servers.clear();
  state_->complete = state_->servers.empty();
}

Names::~Names() {
  const std::scoped_lock lock(state_->mutex);
  state_->abandoned = true;
}

void Names::look_up() {
  {
    const std::scoped_lock lock(state_->mutex);
    const auto now = Clock::now();
    if (state_->servers.empty() || state_->looking) return;
    const bool none_known = join(state_->found).empty();
    if (state_->began &&
        now - *state_->began < (none_known ? std::min(state_->again, kFirstAgain) : state_->again))
      return;
    state_->looking = true;
    state_->began = now;
  }
  try {
    std::thread helper(run, state_);
    ::pthread_setname_np(helper.native_handle(), "zookeeper names");
    helper.detach();
  } catch (const std::system_error&) {
    // No thread is to be had now; the next call tries again.
    const std::scoped_lock lock(state_->mutex);
    state_->looking = false;
  }
}

void Names::run(std::shared_ptr<State> state) {
  for (size_t i = 0; i < state->servers.size(); ++i) {
    std::string found = state->resolve(state->servers[i]);
    const std::scoped_lock lock(state->mutex);
    if (state->abandoned) return;
    // That a name cannot be looked up now says nothing about where the server is.
    if (!found.empty()) state->found[i] = std::move(found);
  }
  const std::scoped_lock lock(state->mutex);
  state->looking = false;
  state->complete = true;
}

std::string Names::addresses() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->complete ? join(state_->found) : std::string();
}

bool Names::looking_up() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->looking;
}

}  // namespace godwit::coordination::zookeeper
