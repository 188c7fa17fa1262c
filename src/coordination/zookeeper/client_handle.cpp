#include "coordination/zookeeper/client_handle.h"

#include <sys/poll.h>
#include <sys/socket.h>
#include <zookeeper/zookeeper.h>

#include <mutex>

namespace godwit::coordination::zookeeper {
namespace {

// The single-threaded C client keeps a few variables for all handles of the process (the number of the next request, a
// buffer for log lines): one thread at a time is inside it. Nothing in there waits, but for the end of a session.
std::mutex& library() {
  static std::mutex one;
  return one;
}

// Of servers from 3.7 on with enforceQuota; Debian's client gives it on without a name for it.
constexpr int kQuotaExceeded = -125;

NodeError error_of(int code) {
  switch (code) {
    case ZOK:
      return NodeError::none;
    case ZNONODE:
      return NodeError::no_node;
    case ZNODEEXISTS:
      return NodeError::exists;
    case ZBADVERSION:
      return NodeError::bad_version;
    case ZNOAUTH:
    case ZINVALIDACL:
    case ZAUTHFAILED:
      return NodeError::permission;
    case ZSESSIONEXPIRED:
    case ZINVALIDSTATE:
      return NodeError::session_ended;
    case ZCLOSING:
      return NodeError::closing;
    case kQuotaExceeded:
      return NodeError::quota;
    case ZTHROTTLEDOP:
      return NodeError::throttled;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZRUNTIMEINCONSISTENCY:
    case ZSESSIONMOVED:
    case ZMARSHALLINGERROR:
    case ZSYSTEMERROR:
      return NodeError::lost;
    default:
      return NodeError::other;
  }
}

NodeStat stat_of(const Stat& stat) {
  return {.created_zxid = stat.czxid,
          .changed_zxid = stat.mzxid,
          .children_zxid = stat.pzxid,
          .owner = stat.ephemeralOwner,
          .version = stat.version};
}

const char* data_of(const Bytes& value) {
  return value.empty() ? "" : reinterpret_cast<const char*>(value.data());
}

void log_nothing(const char*) {}

}  // namespace

struct ClientHandle::Slot {
  ClientHandle* owner;
  std::list<Flight>::iterator flight;
  size_t index;
  bool answered = false;
};

struct ClientHandle::Flight {
  std::shared_ptr<Batch> batch;
  std::vector<Slot> slots;
  size_t unanswered;
  // Where the C client writes what became of the operations of a change or of a barrier; one at most in a batch.
  std::vector<zoo_op_result_t> results{};
  Stat last_set{};

  Reply& reply(const Slot& slot) { return batch->replies[slot.index]; }

  static Slot& slot_of(const void* data) { return *static_cast<Slot*>(const_cast<void*>(data)); }
  static void on_sync(int code, const char*, const void* data) { answer(code, nullptr, data); }
  static void on_barrier(int code, const void* data) { answer(code, nullptr, data); }
  static void on_change(int code, const void* data) {
    const Stat last = slot_of(data).flight->last_set;
    answer(code, &last, data);
  }
  static void on_stat(int code, const Stat* stat, const void* data) { answer(code, stat, data); }
  static void on_value(int code, const char* value, int size, const Stat* stat, const void* data) {
    Slot& slot = slot_of(data);
    if (code == ZOK && size > 0)
      slot.flight->reply(slot).value = to_bytes(std::string_view(value, static_cast<size_t>(size)));
    answer(code, stat, data);
  }
  static void on_children(int code, const String_vector* names, const Stat* stat, const void* data) {
    Slot& slot = slot_of(data);
    if (code == ZOK && names != nullptr)
      slot.flight->reply(slot).children.assign(names->data, names->data + names->count);
    answer(code, stat, data);
  }
  static void answer(int code, const Stat* stat, const void* data) {
    Slot& slot = slot_of(data);
    Reply& reply = slot.flight->reply(slot);
    reply.error = error_of(code);
    if (code == ZOK && stat != nullptr) reply.stat = stat_of(*stat);
    slot.owner->finish(slot);
  }
};

ClientHandle::ClientHandle(const SessionOptions& options, const SessionThread::Notify& notify)
    : options_(options), notify_(notify) {}

std::unique_ptr<ClientHandle> ClientHandle::open(const std::string& numeric_servers,
                                                 const SessionOptions& options,
                                                 const SessionThread::Notify& notify) {
  std::unique_ptr<ClientHandle> made(new ClientHandle(options, notify));
  const std::scoped_lock inside(library());
  // Its log lines say what the notices say.
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  const auto timeout_ms = std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count();
  made->handle_ = zookeeper_init2(numeric_servers.c_str(), &on_watch, static_cast<int>(timeout_ms), nullptr,
                                  made.get(), ZOO_NO_LOG_CLIENTENV, &log_nothing);
  if (made->handle_ == nullptr) return nullptr;
  // The addresses change through use_servers() alone.
  zoo_set_servers_resolution_delay(made->handle_, -1);
  return made;
}

void ClientHandle::close(bool ending) {
  if (handle_ == nullptr) return;
  // Over a socket that is shut down the C client's farewell reaches nobody.
  if (!ending && socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  std::unique_lock inside(library());
  // It may wait for the server, and what it touches besides the handle is the number of its last request, which nobody
  // compares.
  if (ending) inside.unlock();
  zookeeper_close(std::exchange(handle_, nullptr));
  // The C client answers everything; should it not, nobody waits for ever.
  while (!flights_.empty()) {
    Flight& flight = flights_.front();
    for (auto& slot : flight.slots)
      if (!slot.answered) flight.reply(slot).error = NodeError::lost;
    notify_({.kind = Notice::Kind::answered, .batch = flight.batch});
    flights_.pop_front();
  }
}

ClientHandle::~ClientHandle() {
  close(false);
}

void ClientHandle::submit(std::shared_ptr<Batch> batch) {
  const std::scoped_lock inside(library());
  const auto flight =
      flights_.insert(flights_.end(), Flight{.batch = std::move(batch), .slots = {}, .unanswered = 1});
  const auto& requests = flight->batch->requests;
  flight->batch->replies.assign(requests.size(), Reply{});
  flight->unanswered += requests.size();
  for (size_t i = 0; i < requests.size(); ++i)
    flight->slots.push_back({.owner = this, .flight = flight, .index = i});
  for (size_t i = 0; i < requests.size(); ++i) {
    Slot& slot = flight->slots[i];
    // What is handed over without a connection would be sent at some later time, when nobody waits for it any more.
    const int code = zoo_state(handle_) == ZOO_CONNECTED_STATE ? send(slot, requests[i]) : ZOK + 1;
    if (code == ZOK) continue;
    flight->reply(slot).error = code == ZOK + 1 ? NodeError::not_sent : error_of(code);
    finish(slot);
  }
  // The one unit that kept the flight while it was being sent.
  if (--flight->unanswered == 0) {
    notify_({.kind = Notice::Kind::answered, .batch = flight->batch});
    flights_.erase(flight);
  }
}

int ClientHandle::send(Slot& slot, const Request& request) {
  const char* path = request.path.c_str();
  const ACL_vector* acl = options_.credentials.empty() ? &ZOO_OPEN_ACL_UNSAFE : &ZOO_CREATOR_ALL_ACL;
  const watcher_fn watcher = request.watch ? &on_watch : nullptr;
  switch (request.kind) {
    case Request::Kind::sync:
      return zoo_async(handle_, path, &Flight::on_sync, &slot);
    case Request::Kind::barrier: {
      zoo_op_t check;
      zoo_check_op_init(&check, path, Operation::kAnyVersion);
      slot.flight->results.resize(1);
      return zoo_amulti(handle_, 1, &check, slot.flight->results.data(), &Flight::on_barrier, &slot);
    }
    case Request::Kind::exists:
      return zoo_awexists(handle_, path, watcher, this, &Flight::on_stat, &slot);
    case Request::Kind::get:
      return zoo_awget(handle_, path, nullptr, nullptr, &Flight::on_value, &slot);
    case Request::Kind::children:
      return zoo_awget_children2(handle_, path, watcher, this, &Flight::on_children, &slot);
    case Request::Kind::create:
      return zoo_acreate(handle_, path, "", 0, acl, ZOO_PERSISTENT, &Flight::on_sync, &slot);
    case Request::Kind::change:
      break;
  }
  std::vector<zoo_op_t> operations(request.operations.size());
  slot.flight->results.resize(operations.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    const Operation& from = request.operations[i];
    const char* value = data_of(from.value);
    const int size = static_cast<int>(from.value.size());
    switch (from.kind) {
      case Operation::Kind::create:
      case Operation::Kind::create_leased:
        zoo_create_op_init(&operations[i], from.path.c_str(), value, size, acl,
                           from.kind == Operation::Kind::create ? ZOO_PERSISTENT : ZOO_EPHEMERAL, nullptr, 0);
        break;
      case Operation::Kind::set:
        zoo_set_op_init(&operations[i], from.path.c_str(), value, size, from.version, &slot.flight->last_set);
        break;
      case Operation::Kind::remove:
        zoo_delete_op_init(&operations[i], from.path.c_str(), from.version);
        break;
      case Operation::Kind::check:
        zoo_check_op_init(&operations[i], from.path.c_str(), from.version);
        break;
    }
  }
  return zoo_amulti(handle_, static_cast<int>(operations.size()), operations.data(),
                    slot.flight->results.data(), &Flight::on_change, &slot);
}

void ClientHandle::finish(Slot& slot) {
  if (std::exchange(slot.answered, true)) return;
  const auto flight = slot.flight;
  if (--flight->unanswered > 0) return;
  notify_({.kind = Notice::Kind::answered, .batch = flight->batch});
  flights_.erase(flight);
}

ClientHandle::Interest ClientHandle::prepare() {
  const std::scoped_lock inside(library());
  int wanted = 0;
  timeval wait{};
  socket_ = -1;
  if (zookeeper_interest(handle_, &socket_, &wanted, &wait) != ZOK) {
    // It closed the socket; the next call tries the next server.
    socket_ = -1;
    return {.wait = std::chrono::milliseconds(10)};
  }
  Interest interest{.socket = socket_};
  if ((wanted & ZOOKEEPER_READ) != 0) interest.events |= POLLIN;
  if ((wanted & ZOOKEEPER_WRITE) != 0) interest.events |= POLLOUT;
  interest.wait = std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec);
  return interest;
}

void ClientHandle::process(short events) {
  const std::scoped_lock inside(library());
  int possible = 0;
  if ((events & (POLLIN | POLLERR | POLLHUP)) != 0) possible |= ZOOKEEPER_READ;
  if ((events & (POLLOUT | POLLERR | POLLHUP)) != 0) possible |= ZOOKEEPER_WRITE;
  zookeeper_process(handle_, possible);
  authenticate_if_due();
}

// Before anything else is sent on a first connection; on later ones the C client does it by itself.
void ClientHandle::authenticate_if_due() {
  if (authenticated_ || options_.credentials.empty() || zoo_state(handle_) != ZOO_CONNECTED_STATE) return;
  authenticated_ = zoo_add_auth(handle_, "digest", options_.credentials.data(),
                                static_cast<int>(options_.credentials.size()), nullptr, nullptr) == ZOK;
}

ClientHandle::State ClientHandle::state() const {
  const int state = zoo_state(handle_);
  if (state == ZOO_CONNECTED_STATE) return State::connected;
  return is_unrecoverable(handle_) == ZINVALIDSTATE ? State::expired : State::connecting;
}

int64_t ClientHandle::session_id() const {
  return zoo_client_id(handle_)->client_id;
}

Duration ClientHandle::timeout() const {
  return std::chrono::milliseconds(zoo_recv_timeout(handle_));
}

void ClientHandle::use_servers(const std::string& numeric_servers) {
  const std::scoped_lock inside(library());
  zoo_set_servers(handle_, numeric_servers.c_str());
}

void ClientHandle::on_watch(zhandle_t*, int type, int, const char* path, void* context) {
  // What a session becomes is seen by state().
  if (type == ZOO_SESSION_EVENT || path == nullptr) return;
  static_cast<ClientHandle*>(context)->notify_({.kind = Notice::Kind::node_changed, .path = path});
}

}  // namespace godwit::coordination::zookeeper
