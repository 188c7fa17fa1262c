#include "coordination/etcd/wire.h"

#include <etcd.grpc.pb.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <mutex>

#include "coordination/etcd/calls.h"

namespace godwit::coordination::etcd {
namespace {

namespace pb = etcdserverpb;
using runtime::Task;

// A page of a list, or a watch's answer with values in it.
constexpr int kAnswerBytesMax = 16 << 20;
constexpr int kReconnectBackoffMs = 100;
// A password is made slow to check on purpose (bcrypt): on a busy machine half a second is not enough for all brokers at once.
constexpr int kPasswordPatience = 3;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// etcd does not know this client (any more): a new token helps.
bool lacks_token(const std::string& text) {
  return contains(text, "invalid auth token") || contains(text, "auth store is old") ||
         contains(text, "user name is empty");
}

// What a status means for who called. etcd's own words decide where its codes are too wide
// (api/v3rpc/rpctypes in its sources).
Failure classify(const grpc::Status& status, bool closed) {
  using Kind = Failure::Kind;
  const std::string& text = status.error_message();
  const auto as = [&text](Kind kind) { return Failure{kind, text}; };
  if (closed) return {Kind::closed, "the coordination store was closed"};
  if (lacks_token(text)) return as(Kind::token);
  switch (status.error_code()) {
    case grpc::StatusCode::UNAUTHENTICATED:
      return as(Kind::token);
    case grpc::StatusCode::UNAVAILABLE:
      // Refused at the door. "request timed out" and "leader changed" came from behind it.
      return as(text == "etcdserver: no leader" ? Kind::busy : Kind::unknown);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::DATA_LOSS:
      return as(Kind::unknown);
    case grpc::StatusCode::PERMISSION_DENIED:
      return as(Kind::denied);
    case grpc::StatusCode::OUT_OF_RANGE:
      return as(Kind::compacted);
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (contains(text, "database space exceeded")) return as(Kind::no_space);
      return as(contains(text, "too many requests") ? Kind::busy : Kind::too_large);
    case grpc::StatusCode::NOT_FOUND:
      return as(Kind::not_found);
    default:
      return as(contains(text, "authentication failed") ? Kind::denied : Kind::refused);
  }
}

// A call of gRPC's.
struct GrpcCall : Call {
  grpc::ClientContext context;
  grpc::Status status;  // written by gRPC's thread before the post that brings it home
  void cancel() override { context.TryCancel(); }
};

template <class Request, class Response>
struct UnaryCall : GrpcCall {
  Request request;
  Response response;
};

// One keep-alive: a stream of one question and one answer.
struct KeepAliveCall final : GrpcCall,
                             grpc::ClientBidiReactor<pb::LeaseKeepAliveRequest, pb::LeaseKeepAliveResponse> {
  std::shared_ptr<Calls> calls;
  pb::LeaseKeepAliveRequest request;
  pb::LeaseKeepAliveResponse response;
  bool answered = false;

  void OnReadDone(bool well) override {
    answered = well;
    if (well) context.TryCancel();
  }
  void OnDone(const grpc::Status& outcome) override {
    status = answered ? grpc::Status::OK : outcome;
    const auto home = calls;  // this object may be gone before end() returns
    home->end(*this);
  }
};

std::string address_of(const runtime::Endpoint& endpoint) {
  // gRPC takes what has a scheme for a name of its own kind: a plain host and port is looked up by DNS.
  return runtime::to_string(endpoint);
}

struct Endpoint {
  runtime::Endpoint name;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<pb::KV::Stub> kv;
  std::unique_ptr<pb::Lease::Stub> lease;
  std::unique_ptr<pb::Watch::Stub> watch;
  std::unique_ptr<pb::Auth::Stub> auth;
  std::unique_ptr<pb::Maintenance::Stub> maintenance;
  std::unique_ptr<pb::Cluster::Stub> cluster;
};

std::shared_ptr<grpc::ChannelCredentials> credentials(const WireOptions& options) {
  if (!options.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.authority;
  tls.pem_cert_chain = options.certificate;
  tls.pem_private_key = options.key;
  return grpc::SslCredentials(tls);
}

Endpoint make_endpoint(const runtime::Endpoint& name, const WireOptions& options) {
  grpc::ChannelArguments arguments;
  // A connection of its own for each client: what breaks one breaks no other.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectBackoffMs);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1000);
  // How long one attempt to connect may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   static_cast<int>(options.attempt_timeout / std::chrono::milliseconds(1)));
  // etcd ends connections that ping oftener than every 5 s; what must be noticed sooner is noticed by deadlines and by
  // the watch's signs of life.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 6000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 1000);
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  Endpoint made{.name = name,
                .channel = grpc::CreateCustomChannel(address_of(name), credentials(options), arguments)};
  made.kv = pb::KV::NewStub(made.channel);
  made.lease = pb::Lease::NewStub(made.channel);
  made.watch = pb::Watch::NewStub(made.channel);
  made.auth = pb::Auth::NewStub(made.channel);
  made.maintenance = pb::Maintenance::NewStub(made.channel);
  made.cluster = pb::Cluster::NewStub(made.channel);
  return made;
}

Duration seconds(int64_t count) {
  // What is not a sensible time to live would overflow.
  return std::chrono::seconds(std::clamp<int64_t>(count, -1, 10'000'000));
}

void set_bytes(std::string& field, BytesView value) {
  field.assign(as_text(value));
}

void mark(GrpcCall& call, const std::string& token, bool needs_leader) {
  if (!token.empty()) call.context.AddMetadata("token", token);
  // A member that is cut off from the others says so at once instead of letting the call time out.
  if (needs_leader) call.context.AddMetadata("hasleader", "true");
}

// What gRPC is told once a process.
//
// It would come down with its last channel and up again with the next, while a thread of its own is still leaving the last
// callback: it stays up. Its diagnostics would go to standard error, many a second while an endpoint is away, and what they
// say comes with each call's status too: of them only what precedes its abort is kept.
void set_up_grpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::grpc_init();
    ::gpr_set_log_function([](gpr_log_func_args* arguments) {
      if (std::string_view(arguments->message).find("assertion failed") != std::string_view::npos)
        GW_CHECK(false, arguments->message);
    });
  });
}

}  // namespace

struct Wire::Impl {
  Impl(runtime::Shard& shard, WireOptions given)
      : options(std::move(given)), calls(std::make_shared<Calls>(shard)) {
    set_up_grpc();
    for (const auto& name : options.endpoints) endpoints.push_back(make_endpoint(name, options));
  }

  void prepare(GrpcCall& call, bool needs_leader, int patience = 1) const {
    call.context.set_deadline(std::chrono::system_clock::now() + patience * options.attempt_timeout);
    mark(call, token, needs_leader);
  }

  // `start(context, request, response, on_end)` is one of the generated stubs' asynchronous calls.
  template <class Response, class Request, class Start>
  // `patience`: how many attempts' time this one has.
  Task<Reply<Response>> unary(Request request, bool needs_leader, Start start, int patience = 1) {
    if (calls->closed())
      co_return tl::unexpected(Failure{Failure::Kind::closed, "the coordination store was closed"});
    auto call = std::make_shared<UnaryCall<Request, Response>>();
    call->request = std::move(request);
    prepare(*call, needs_leader, patience);
    co_await CallAwaiter(call, [this, &call, &start] {
      calls->begin(call);
      start(&call->context, &call->request, &call->response,
            [home = calls, it = call.get()](grpc::Status status) {
              it->status = std::move(status);
              home->end(*it);
            });
    });
    if (!call->status.ok()) co_return tl::unexpected(classify(call->status, calls->closed()));
    co_return std::move(call->response);
  }

  WireOptions options;
  std::string token;
  std::vector<Endpoint> endpoints;
  std::shared_ptr<Calls> calls;
};

namespace {

class GrpcWatchStream final : public WatchStream {
 public:
  // What gRPC's threads touch: lives until they have let go.
  struct Reactor final : GrpcCall, grpc::ClientBidiReactor<pb::WatchRequest, pb::WatchResponse> {
    std::shared_ptr<Calls> calls;
    std::shared_ptr<WatchInbox> inbox;  // touched on the shard only
    pb::WatchResponse response;
    std::mutex mutex;
    std::deque<pb::WatchRequest> to_write;  // guarded by mutex; the front is being written
    bool ended = false;                     // guarded by mutex

    void write(pb::WatchRequest request) {
      const pb::WatchRequest* first = nullptr;
      {
        const std::lock_guard lock(mutex);
        if (ended) return;
        to_write.push_back(std::move(request));
        if (to_write.size() == 1) first = &to_write.front();
      }
      if (first != nullptr) StartWrite(first);
    }
    void OnWriteDone(bool well) override {
      const pb::WatchRequest* next = nullptr;
      {
        const std::lock_guard lock(mutex);
        to_write.pop_front();
        if (!well) ended = true;
        if (!ended && !to_write.empty()) next = &to_write.front();
      }
      if (next != nullptr) StartWrite(next);
    }
    void OnReadDone(bool well) override {
      if (!well) return;  // OnDone follows
      WatchNews news{WatchNews::Kind::alive, response.watch_id(), response.header().revision(), std::nullopt};
      if (response.canceled()) {
        news.kind = WatchNews::Kind::cancelled;
        news.why = Failure{why_cancelled(), response.cancel_reason()};
      } else if (response.created()) {
        news.kind = WatchNews::Kind::created;
      } else if (response.events_size() > 0) {
        news.kind = WatchNews::Kind::changed;
      }
      response.Clear();
      calls->post([to = inbox, news = std::move(news)] { deliver(*to, news); });
      StartRead(&response);
    }
    Failure::Kind why_cancelled() const {
      using Kind = Failure::Kind;
      if (response.compact_revision() != 0) return Kind::compacted;
      if (lacks_token(response.cancel_reason())) return Kind::token;
      return contains(response.cancel_reason(), "permission denied") ? Kind::denied : Kind::refused;
    }
    void OnDone(const grpc::Status& outcome) override {
      {
        const std::lock_guard lock(mutex);
        ended = true;
      }
      status = outcome;
      const auto home = calls;  // this object may be gone before end() returns
      home->end(*this);
    }
    void arrive() override {
      deliver(*inbox, {WatchNews::Kind::ended, 0, 0, classify(status, calls->closed())});
    }
    static void deliver(WatchInbox& to, const WatchNews& news) {
      to.news.push_back(news);
      to.bell.notify_all();
    }
  };

  GrpcWatchStream(std::shared_ptr<Calls> calls, const std::string& token, const Endpoint& endpoint,
                  std::shared_ptr<WatchInbox> inbox)
      : reactor_(std::make_shared<Reactor>()) {
    reactor_->calls = std::move(calls);
    reactor_->inbox = std::move(inbox);
    mark(*reactor_, token, true);
    reactor_->calls->begin(reactor_);
    endpoint.watch->async()->Watch(&reactor_->context, reactor_.get());
    reactor_->StartRead(&reactor_->response);
    // Writes come from outside of the reactor's own calls: the hold keeps it from ending under them.
    reactor_->AddHold();
    reactor_->StartCall();
  }
  ~GrpcWatchStream() override {
    {
      const std::lock_guard lock(reactor_->mutex);
      reactor_->ended = true;
    }
    reactor_->context.TryCancel();
    reactor_->RemoveHold();
  }
  void create(int64_t id, std::string key, std::string end, int64_t start) override {
    pb::WatchRequest request;
    auto& create = *request.mutable_create_request();
    create.set_key(std::move(key));
    create.set_range_end(std::move(end));
    create.set_start_revision(start);
    create.set_watch_id(id);
    create.set_fragment(true);
    reactor_->write(std::move(request));
  }
  void cancel(int64_t id) override {
    pb::WatchRequest request;
    request.mutable_cancel_request()->set_watch_id(id);
    reactor_->write(std::move(request));
  }
  void ask_progress() override {
    pb::WatchRequest request;
    request.mutable_progress_request();
    reactor_->write(std::move(request));
  }

 private:
  std::shared_ptr<Reactor> reactor_;
};

pb::TxnRequest to_request(const Transaction& transaction, const std::string& prefix, int64_t lease) {
  pb::TxnRequest request;
  for (const auto& condition : transaction.conditions) {
    auto& compare = *request.add_compare();
    compare.set_result(pb::Compare::EQUAL);
    compare.set_target(pb::Compare::MOD);
    compare.set_key(prefix + condition.key);
    // A key that does not exist compares as revision 0, which is kAbsent.
    compare.set_mod_revision(static_cast<int64_t>(condition.version));
  }
  for (const auto& write : transaction.writes) {
    auto& operation = *request.add_success();
    if (write.value) {
      auto& put = *operation.mutable_request_put();
      put.set_key(prefix + write.key);
      set_bytes(*put.mutable_value(), *write.value);
      if (write.leased) put.set_lease(lease);
    } else {
      operation.mutable_request_delete_range()->set_key(prefix + write.key);
    }
  }
  return request;
}

}  // namespace

Wire::Wire(runtime::Shard& shard, WireOptions options)
    : impl_(std::make_unique<Impl>(shard, std::move(options))) {}
Wire::~Wire() {
  impl_->calls->cancel_all();
  impl_->calls->wait_for_none();
}

size_t Wire::endpoint_count() const {
  return impl_->endpoints.size();
}
const runtime::Endpoint& Wire::endpoint(size_t index) const {
  return impl_->endpoints.at(index).name;
}
void Wire::set_token(std::string token) {
  impl_->token = std::move(token);
}
void Wire::close() {
  impl_->calls->cancel_all();
}
bool Wire::closed() const {
  return impl_->calls->closed();
}

Task<Reply<Done>> Wire::connected(size_t endpoint) {
  if (impl_->endpoints[endpoint].channel->GetState(true) == GRPC_CHANNEL_READY) co_return Done{};
  const auto answer = co_await status(endpoint);
  // Whatever it said, it said it over a connection.
  if (answer) co_return Done{};
  if (answer.error().kind == Failure::Kind::unknown)
    co_return tl::unexpected(Failure{Failure::Kind::not_sent, answer.error().message});
  if (answer.error().kind == Failure::Kind::closed) co_return tl::unexpected(answer.error());
  co_return Done{};
}

Task<Reply<RangePage>> Wire::range(size_t endpoint, RangeAsk ask) {
  pb::RangeRequest request;
  request.set_key(std::move(ask.key));
  request.set_range_end(std::move(ask.end));
  request.set_limit(ask.limit);
  request.set_revision(ask.revision);
  auto& stub = *impl_->endpoints[endpoint].kv;
  auto answer = co_await impl_->unary<pb::RangeResponse>(
      std::move(request), true, [&stub](auto... arguments) { stub.async()->Range(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  RangePage page{.more = answer->more(), .revision = answer->header().revision()};
  for (auto& kv : *answer->mutable_kvs()) {
    page.entries.push_back(
        {std::move(*kv.mutable_key()), to_bytes(kv.value()), static_cast<Version>(kv.mod_revision())});
  }
  co_return page;
}

Task<Reply<TransactionReply>> Wire::transact(size_t endpoint, const Transaction& transaction,
                                             const std::string& prefix, int64_t lease) {
  auto& stub = *impl_->endpoints[endpoint].kv;
  auto answer = co_await impl_->unary<pb::TxnResponse>(
      to_request(transaction, prefix, lease), true,
      [&stub](auto... arguments) { stub.async()->Txn(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  co_return TransactionReply{answer->succeeded(), answer->header().revision()};
}

Task<Reply<LeaseReply>> Wire::grant(size_t endpoint, Duration timeout) {
  pb::LeaseGrantRequest request;
  request.set_ttl((timeout + std::chrono::seconds(1) - Duration(1)) / std::chrono::seconds(1));
  auto& stub = *impl_->endpoints[endpoint].lease;
  auto answer = co_await impl_->unary<pb::LeaseGrantResponse>(
      std::move(request), true,
      [&stub](auto... arguments) { stub.async()->LeaseGrant(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  if (!answer->error().empty()) co_return tl::unexpected(Failure{Failure::Kind::refused, answer->error()});
  co_return LeaseReply{answer->id(), seconds(answer->ttl()), answer->header().revision()};
}

Task<Reply<LeaseReply>> Wire::keep_alive(size_t endpoint, int64_t lease) {
  if (closed()) co_return tl::unexpected(Failure{Failure::Kind::closed, "the coordination store was closed"});
  auto call = std::make_shared<KeepAliveCall>();
  call->calls = impl_->calls;
  call->request.set_id(lease);
  impl_->prepare(*call, true);
  auto& stub = *impl_->endpoints[endpoint].lease;
  co_await CallAwaiter(call, [this, &call, &stub] {
    impl_->calls->begin(call);
    stub.async()->LeaseKeepAlive(&call->context, call.get());
    call->StartWriteLast(&call->request, grpc::WriteOptions());
    call->StartRead(&call->response);
    call->StartCall();
  });
  if (!call->answered) {
    // A stream that ended without an answer and without an error has told nothing.
    const auto& status =
        call->status.ok() ? grpc::Status(grpc::StatusCode::UNKNOWN, "no answer") : call->status;
    co_return tl::unexpected(classify(status, closed()));
  }
  co_return LeaseReply{call->response.id(), seconds(call->response.ttl()),
                       call->response.header().revision()};
}

Task<Reply<LeaseReply>> Wire::time_to_live(size_t endpoint, int64_t lease) {
  pb::LeaseTimeToLiveRequest request;
  request.set_id(lease);
  auto& stub = *impl_->endpoints[endpoint].lease;
  auto answer = co_await impl_->unary<pb::LeaseTimeToLiveResponse>(
      std::move(request), true,
      [&stub](auto... arguments) { stub.async()->LeaseTimeToLive(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  co_return LeaseReply{answer->id(), seconds(answer->ttl()), answer->header().revision()};
}

Task<Reply<Done>> Wire::revoke(size_t endpoint, int64_t lease) {
  pb::LeaseRevokeRequest request;
  request.set_id(lease);
  auto& stub = *impl_->endpoints[endpoint].lease;
  auto answer = co_await impl_->unary<pb::LeaseRevokeResponse>(
      std::move(request), true,
      [&stub](auto... arguments) { stub.async()->LeaseRevoke(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  co_return Done{};
}

std::unique_ptr<WatchStream> Wire::watch(size_t endpoint, std::shared_ptr<WatchInbox> inbox) {
  return std::make_unique<GrpcWatchStream>(impl_->calls, impl_->token, impl_->endpoints[endpoint],
                                           std::move(inbox));
}

Task<Reply<std::string>> Wire::authenticate(size_t endpoint, std::string user, std::string password) {
  pb::AuthenticateRequest request;
  request.set_name(std::move(user));
  request.set_password(std::move(password));
  auto& stub = *impl_->endpoints[endpoint].auth;
  auto answer = co_await impl_->unary<pb::AuthenticateResponse>(
      std::move(request), true,
      [&stub](auto... arguments) { stub.async()->Authenticate(std::move(arguments)...); }, kPasswordPatience);
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  co_return std::move(*answer->mutable_token());
}

Task<Reply<Done>> Wire::compact(size_t endpoint, int64_t revision) {
  pb::CompactionRequest request;
  request.set_revision(revision);
  request.set_physical(true);
  auto& stub = *impl_->endpoints[endpoint].kv;
  auto answer = co_await impl_->unary<pb::CompactionResponse>(
      std::move(request), true,
      [&stub](auto... arguments) { stub.async()->Compact(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  co_return Done{};
}

Task<Reply<Done>> Wire::enable_auth(size_t endpoint, std::string password) {
  auto& stub = *impl_->endpoints[endpoint].auth;
  pb::AuthUserAddRequest user;
  user.set_name("root");
  user.set_password(std::move(password));
  const auto added = co_await impl_->unary<pb::AuthUserAddResponse>(
      std::move(user), true, [&stub](auto... arguments) { stub.async()->UserAdd(std::move(arguments)...); },
      kPasswordPatience);
  if (!added) co_return tl::unexpected(added.error());
  pb::AuthUserGrantRoleRequest role;
  role.set_user("root");
  role.set_role("root");
  const auto granted = co_await impl_->unary<pb::AuthUserGrantRoleResponse>(
      std::move(role), true,
      [&stub](auto... arguments) { stub.async()->UserGrantRole(std::move(arguments)...); });
  if (!granted) co_return tl::unexpected(granted.error());
  const auto enabled = co_await impl_->unary<pb::AuthEnableResponse>(
      pb::AuthEnableRequest(), true,
      [&stub](auto... arguments) { stub.async()->AuthEnable(std::move(arguments)...); });
  if (!enabled) co_return tl::unexpected(enabled.error());
  co_return Done{};
}

Task<Reply<StatusReply>> Wire::status(size_t endpoint) {
  auto& stub = *impl_->endpoints[endpoint].maintenance;
  auto answer = co_await impl_->unary<pb::StatusResponse>(
      pb::StatusRequest(), false,
      [&stub](auto... arguments) { stub.async()->Status(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  const auto& errors = answer->errors();
  const auto& header = answer->header();
  co_return StatusReply{header.cluster_id(), header.member_id(),  answer->leader(),
                        answer->dbsize(),    answer->raftindex(), {errors.begin(), errors.end()}};
}

Task<Reply<std::vector<MemberReply>>> Wire::members(size_t endpoint) {
  auto& stub = *impl_->endpoints[endpoint].cluster;
  auto answer = co_await impl_->unary<pb::MemberListResponse>(
      pb::MemberListRequest(), false,
      [&stub](auto... arguments) { stub.async()->MemberList(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  std::vector<MemberReply> members;
  for (const auto& member : answer->members())
    members.push_back({member.id(), member.name(), {member.peerurls().begin(), member.peerurls().end()}});
  co_return members;
}

Task<Reply<MemberReply>> Wire::add_member(size_t endpoint, std::string peer_url) {
  pb::MemberAddRequest request;
  request.add_peerurls(std::move(peer_url));
  auto& stub = *impl_->endpoints[endpoint].cluster;
  auto answer = co_await impl_->unary<pb::MemberAddResponse>(
      std::move(request), true,
      [&stub](auto... arguments) { stub.async()->MemberAdd(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  const auto& member = answer->member();
  co_return MemberReply{member.id(), member.name(), {member.peerurls().begin(), member.peerurls().end()}};
}

Task<Reply<Done>> Wire::remove_member(size_t endpoint, uint64_t member) {
  pb::MemberRemoveRequest request;
  request.set_id(member);
  auto& stub = *impl_->endpoints[endpoint].cluster;
  auto answer = co_await impl_->unary<pb::MemberRemoveResponse>(
      std::move(request), true,
      [&stub](auto... arguments) { stub.async()->MemberRemove(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  co_return Done{};
}

Task<Reply<Done>> Wire::move_leader(size_t endpoint, uint64_t to) {
  pb::MoveLeaderRequest request;
  request.set_targetid(to);
  auto& stub = *impl_->endpoints[endpoint].maintenance;
  auto answer = co_await impl_->unary<pb::MoveLeaderResponse>(
      std::move(request), false,
      [&stub](auto... arguments) { stub.async()->MoveLeader(std::move(arguments)...); });
  if (!answer) co_return tl::unexpected(std::move(answer).error());
  co_return Done{};
}

}  // namespace godwit::coordination::etcd
