#include "broker/connection.h"

#include <deque>
#include <new>
#include <optional>

#include "base/endian.h"
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/home_shard.h"
#include "broker/replica_session.h"
#include "net/sniff.h"
#include "runtime/buffered_reader.h"

namespace godwit::broker {
namespace {

using runtime::Task;

// A peer that reads, or sends, at least so many bytes a second is slow but alive.
constexpr size_t kSlowestPeerBytesPerSecond = 100 * 1024;

// A request of up to so many bytes takes none of the shard's memory where it is the only one of its connection that is under way:
// heartbeats, metadata and a follower's Fetch go on, whatever others hold.
constexpr size_t kSmallRequestBytes = 16 * 1024;

// What a peer has begun to send must come: so long at most for each step of its memory, and what a slow peer takes for it besides.
constexpr Duration kBodyPatienceMax = std::chrono::seconds(30);

// So much is read ahead: a small request comes in one piece.
constexpr size_t kReadAheadBytes = 2048;

// What somebody who speaks HTTP still sends when he was answered is read and dropped, so much and for so long.
constexpr size_t kDroppedBytesMax = 256 * 1024;
constexpr Duration kDroppingPatience = std::chrono::seconds(2);

Duration slow_peers_time(size_t bytes) {
  return std::chrono::seconds(bytes / kSlowestPeerBytesPerSecond);
}

// Larger answers are counted, but to Fetch, which counts what it reads; much larger ones are not given.
constexpr size_t kSmallAnswerBytes = 64 * 1024;
constexpr size_t kAnswerBytesMax = size_t{64} << 20;

// Of the memory of all answers (of a shard) those of one connection may hold an eighth, but as much as a client asks for of a
// partition where there is little.
size_t own_part(size_t all) {
  return std::max(all / 8, std::min<size_t>(all, 1 << 20));
}

// A shard takes connections over while it serves at most so many more than the one that they come from: the partitions of a shard
// may have many more clients than those of another, and reading from them and checking what they send is work too.
constexpr int kTakenOverMore = 8;

struct Request {
  kafka::RequestFrame frame;
  std::shared_ptr<std::byte[]> memory;
};

// A connection on its way to another shard, with the request that is served first there.
struct Moving {
  std::unique_ptr<runtime::Stream> stream;
  runtime::BufferedReader reader;
  Client client;
  Request request;
};

Task<void> serve_moved(BrokerShard& shard, std::unique_ptr<Moving> moving);

class Connection final : public OpenConnection {
 public:
  Connection(BrokerShard& shard, std::unique_ptr<runtime::Stream> stream, std::string listener)
      : shard_(shard),
        stream_(std::move(stream)),
        reader_(*stream_, kReadAheadBytes),
        idle_(shard.shard()),
        sending_(shard.shard()) {
    client_.connection = shard.broker().next_connection_number();
    client_.peer = stream_->peer();
    client_.local = stream_->local();
    client_.listener = std::move(listener);
    client_.response_memory =
        std::make_unique<runtime::Semaphore>(own_part(shard.response_memory().capacity()));
  }

  Connection(BrokerShard& shard, Moving& moving)
      : shard_(shard),
        stream_(std::move(moving.stream)),
        reader_(std::move(moving.reader)),
        client_(std::move(moving.client)),
        idle_(shard.shard()),
        sending_(shard.shard()),
        settled_(true) {
    client_.gone = false;
    client_.long_poll.reset();
  }

  Task<void> run(std::unique_ptr<Moving> first = nullptr) {
    watch_idle();
    Broker& broker = shard_.broker();
    const bool listed = first ? broker.enter_again(*this, shard_) : broker.enter(*this, shard_);
    if (listed) {
      tasks_.spawn(shard_.shard(), send_answers());
      if (first) start(std::make_shared<Pending>(), std::move(first->request));
      co_await read_requests();
      // No more requests; those under way are answered as long as the peer reads, and nothing is waited for.
      reading_ended_ = true;
      reading_body_ = false;
      watch_idle();
      client_.gone = true;
      if (const auto poll = client_.long_poll.lock()) poll->stop();
      answers_changed_.notify_all();
      co_await tasks_.close();
      if (client_.replica) co_await client_.replica->close();
      client_.replica = nullptr;
      idle_.stop();
      if (home_ != nullptr && !failed_ && !finishing_) {
        move_on();
        co_return;
      }
      broker.leave(*this, shard_);
    }
    idle_.stop();
    stream_->close();
  }

  const runtime::Endpoint& peer() const override { return client_.peer; }
  void finish() override {
    finishing_ = true;
    if (pending_.empty()) fail();
  }
  void abort() override { fail(); }

 private:
  // A request under way, in the order of arrival.
  struct Pending {
    bool started_next = false;  // admitted or done: the next may start
    bool done = false;
    Chain answer;
    Permit permit;
    std::optional<RequestMemory::Claim> memory;  // of the shard's; none for small ones
  };

  Task<void> read_requests() {
    std::byte head[net::kSniffBytes];
    size_t have = 0;
    // Who was moved speaks Kafka.
    if (!settled_ && !co_await sniff_protocol(head, have)) co_return;
    for (;;) {
      if (!co_await read_head(head, have, kafka::kFrameLengthSize)) co_return;
      if (const auto poll = client_.long_poll.lock(); poll && !may_start_another()) poll->next_came();
      while (!may_start_another()) co_await answers_changed_.wait();
      if (failed_ || finishing_) co_return;
      const auto length = load_big<int32_t>(head);
      if (length < 0 || static_cast<size_t>(length) > shard_.options().request_bytes_max) {
        refuse("a frame of " + std::to_string(length) + " bytes; the limit is " +
               std::to_string(shard_.options().request_bytes_max) + " (socket.request.max.bytes)");
        co_return;
      }
      const auto size = static_cast<size_t>(length);
      // What is shorter than a head is refused when it is parsed.
      if (size >= net::kSniffBytes && have < net::kSniffBytes) {
        watch_body(net::kSniffBytes - have);
        if (!co_await read_head(head, have, net::kSniffBytes)) co_return;
      }
      const bool more = co_await read_and_start(
          size, BytesView(head).subspan(kafka::kFrameLengthSize, have - kafka::kFrameLengthSize));
      if (!more) co_return;
      have = 0;
    }
  }

  // Reads until `wanted` bytes of the head are there, and what has come of the others. False when the peer has ended its side.
  Task<bool> read_head(std::span<std::byte, net::kSniffBytes> head, size_t& have, size_t wanted) {
    while (have < wanted) {
      const auto count = co_await reader_.read_some(MutableBytes(head).subspan(have));
      if (!count || *count == 0) co_return false;
      have += *count;
    }
    co_return true;
  }

  // Reads until it is known what the peer speaks; false when it is not Kafka.
  Task<bool> sniff_protocol(MutableBytes head, size_t& have) {
    net::Protocol protocol = net::Protocol::undecided;
    while (protocol == net::Protocol::undecided) {
      const auto count = co_await reader_.read_some(head.subspan(have));
      // A peer that connects and goes away again (a port probe) is nobody's fault.
      if (!count || *count == 0) co_return false;
      have += *count;
      protocol = net::sniff(head.first(have), shard_.options().request_bytes_max);
    }
    if (protocol == net::Protocol::kafka) co_return true;
    auto& metrics = shard_.metrics();
    (protocol == net::Protocol::http  ? metrics.not_kafka_http
     : protocol == net::Protocol::tls ? metrics.not_kafka_tls
                                      : metrics.not_kafka_garbage)
        .add();
    shard_.broker().tell_of_stranger(client_.peer, net::advice(protocol), to_hex(head.first(have)));
    if (protocol == net::Protocol::http) co_await answer_http();
    co_return false;
  }

  // Closing while the peer still sends, or with something unread, would take the answer away from it (a reset).
  Task<void> answer_http() {
    sending_.start(shard_.shard().now() + kDroppingPatience, [this] { stream_->close(); });
    const std::string text = net::http_answer(shard_.options().http_address);
    const BytesView part = as_bytes(text);
    if (!co_await stream_->write_all(std::span(&part, 1))) co_return;
    stream_->shutdown_write();
    Bytes dropped(4096);
    for (size_t total = 0; total < kDroppedBytesMax;) {
      const auto count = co_await reader_.read_some(dropped);
      if (!count || *count == 0) break;
      total += *count;
    }
    sending_.stop();
  }

  // Reads the frame's body (its first bytes may be there already) and starts its handler. False ends the connection.
  Task<bool> read_and_start(size_t size, BytesView already) {
    auto pending = std::make_shared<Pending>();
    if (const auto kind = memory_kind(size, already)) {
      pending->memory.emplace(shard_.request_memory(*kind), size, answers_changed_);
    }
    // The pages of what is not read yet take nothing.
    const std::shared_ptr<std::byte[]> memory(new (std::nothrow) std::byte[size]);
    if (memory == nullptr) {
      refuse("no memory for a request of " + std::to_string(size) + " bytes");
      co_return false;
    }
    size_t have = std::min(size, already.size());
    std::memcpy(memory.get(), already.data(), have);
    while (have < size) {
      // Nothing is read before there is memory for it: the peer's window closes meanwhile.
      while (pending->memory && pending->memory->granted() <= have) {
        pending->memory->want_more();
        if (pending->memory->waits() && !co_await granted(*pending->memory)) co_return false;
      }
      const size_t end = pending->memory ? pending->memory->granted() : size;
      watch_body(end - have);
      if (!co_await reader_.read_exactly(MutableBytes(memory.get(), end).subspan(have))) {
        co_return false;
      }
      have = end;
    }
    reading_body_ = false;
    shard_.metrics().bytes_in.add(size + kafka::kFrameLengthSize);
    auto frame = kafka::parse_request(SharedBytes(memory, BytesView(memory.get(), size)));
    if (!frame) {
      refuse(frame.error().message);
      co_return false;
    }
    if (BrokerShard* const home = belongs_to(*frame, *pending)) {
      home_ = home;
      moved_request_.emplace(std::move(*frame), memory);
      co_return false;
    }
    start(std::move(pending), {std::move(*frame), memory});
    co_return !failed_ && !finishing_;
  }

  void start(std::shared_ptr<Pending> pending, Request request) {
    pending_.push_back(pending);
    watch_idle();
    tasks_.spawn(shard_.shard(), handle(pending, std::move(request.frame), std::move(request.memory)));
    newest_ = std::move(pending);
  }

  // The shard on which this connection had better be served, by the first partitions that it asks for; null: this one. Only while
  // nothing here is its own: no request is under way, none takes of this shard's memory, no session of a fetch goes on.
  BrokerShard* belongs_to(const kafka::RequestFrame& frame, const Pending& pending) {
    if (settled_ || shard_.broker().shard_count() == 1) return nullptr;
    const auto home = home_shard(shard_, frame);
    if (!home) return nullptr;
    settled_ = true;
    if (*home == shard_.index() || !pending_.empty() || pending.memory) return nullptr;
    BrokerShard& there = shard_.broker().shard(*home);
    return there.connections() <= shard_.connections() + kTakenOverMore ? &there : nullptr;
  }

  void move_on() {
    stream_->detach();
    auto moving = std::make_unique<Moving>(std::move(stream_), std::move(reader_), std::move(client_),
                                           std::move(*moved_request_));
    shard_.broker().move_on(*this, shard_, *home_, [home = home_, moving = std::move(moving)]() mutable {
      return serve_moved(*home, std::move(moving));
    });
  }

  // Which memory a request takes from, if any. Followers that are known by an earlier request take none: what all the others wait
  // for may be that they go on.
  std::optional<RequestOf> memory_kind(size_t size, BytesView first) const {
    if (client_.replica || (size <= kSmallRequestBytes && pending_.empty())) return std::nullopt;
    if (first.size() < sizeof(int16_t)) return RequestOf::client;
    const kafka::ApiInfo* const api = kafka::find_api(load_big<int16_t>(first.data()));
    if (api != nullptr && api->internal) return RequestOf::broker;
    return api != nullptr && api->key == kafka::ApiKey::produce ? RequestOf::producer : RequestOf::client;
  }

  // False when the connection fails before.
  Task<bool> granted(const RequestMemory::Claim& claim) {
    while (claim.waits() && !failed_) {
      // The peer is not to blame for what it does not send now.
      reading_body_ = false;
      watch_idle();
      co_await answers_changed_.wait();
    }
    co_return !failed_;
  }

  // Whether the newest request has been answered, or waits for the disk alone, and not too many do.
  bool may_start_another() const {
    if (failed_ || newest_ == nullptr) return true;
    return newest_->started_next && pending_.size() < shard_.options().requests_in_flight_max;
  }

  // Whether the answer sends the client to a broker. Made as it comes, it could be sent long after, behind an answer that waits for
  // a commit; librdkafka before 2.4 that hears of a new leader, then of the old one and of the new one again, waits for the old
  // one until somebody else leads (its issue 4976). And rule 16 is about what is sent.
  static bool tells_where(kafka::ApiKey key) {
    return key == kafka::ApiKey::metadata || key == kafka::ApiKey::find_coordinator;
  }

  // Waits until nothing stands in front of it. What comes behind it is started meanwhile.
  Task<void> its_turn(std::shared_ptr<Pending> pending) {
    while (pending_.front() != pending && !failed_) {
      if (!std::exchange(pending->started_next, true)) answers_changed_.notify_all();
      co_await answers_changed_.wait();
    }
  }

  Task<void> handle(std::shared_ptr<Pending> pending, kafka::RequestFrame frame,
                    std::shared_ptr<std::byte[]> memory) {
    const kafka::ApiKey key = frame.key();
    if (tells_where(key)) {
      co_await its_turn(pending);
      // All that waited would be made at once, for nobody.
      if (failed_) {
        pending->started_next = true;
        pending->done = true;
        answers_changed_.notify_all();
        co_return;
      }
    }
    const bool frame_is_internal = frame.api->internal;
    RequestContext context(shard_, client_, std::move(frame), memory.get(), shard_.shard().now(),
                           [this, pending] {
                             pending->started_next = true;
                             answers_changed_.notify_all();
                           });
    const bool counts_itself = key == kafka::ApiKey::fetch || frame_is_internal;
    Answer answer = co_await api::serve(context);
    if (answer && !counts_itself && answer->size() > kSmallAnswerBytes) {
      answer = co_await count_memory(std::move(*answer), context, *pending);
    }
    const auto& counted = shard_.metrics().api(key);
    counted.requests->add();
    counted.seconds->observe_ns(static_cast<uint64_t>((shard_.shard().now() - context.arrived).count()));
    if (answer) {
      pending->answer = std::move(*answer);
      pending->permit = std::move(context.permit);
    } else {
      refuse(answer.error().message);
    }
    pending->started_next = true;
    pending->done = true;
    answers_changed_.notify_all();
  }

  // The answer, once earlier ones of this connection leave it room in the connection's part. The part alone: others that do not
  // read must not keep a client from its metadata. When nothing is in front of it any more it goes without: what has taken the
  // part by then stands behind it, and is sent after it.
  Task<Answer> count_memory(Chain answer, RequestContext& context, const Pending& pending) {
    const size_t bytes = answer.size();
    if (bytes > kAnswerBytesMax) {
      shard_.metrics().closed_large_answer.add();
      co_return godwit::fail(ErrorKind::limit, "an answer of " + std::to_string(bytes) +
                                                   " bytes is not given: ask for less at a time (" +
                                                   std::string(context.frame.api->name) + ')');
    }
    while (!client_.response_memory->try_acquire(bytes)) {
      if (failed_ || pending_.front().get() == &pending) co_return answer;
      co_await answers_changed_.wait();
    }
    context.permit = Permit(*client_.response_memory, nullptr, bytes);
    co_return answer;
  }

  // Sends answers in the order of their requests, as they are done; small ones that are done together go together, as those to
  // Produce are when one sync makes many durable.
  Task<void> send_answers() {
    for (;;) {
      while (pending_.empty() || !pending_.front()->done) {
        if (failed_ && pending_.empty()) co_return;
        if (pending_.empty() && reading_ended_) co_return;
        co_await answers_changed_.wait();
      }
      const size_t count = done_together();
      // After a failure answers are only thrown away.
      if (!failed_) co_await send(count);
      for (size_t i = 0; i < count; ++i) {
        // The newest request stays known until the next one comes, without anything that others may wait for.
        Pending& answered = *pending_.front();
        answered.answer = {};
        answered.permit = {};
        answered.memory.reset();
        pending_.pop_front();
      }
      if (finishing_ && pending_.empty()) fail();
      watch_idle();
      answers_changed_.notify_all();
    }
  }

  // How many of the oldest requests are done and small together; one at least.
  size_t done_together() const {
    size_t count = 1;
    size_t bytes = pending_.front()->answer.size();
    while (count < pending_.size() && pending_[count]->done) {
      bytes += pending_[count]->answer.size();
      if (bytes > kSmallAnswerBytes) break;
      ++count;
    }
    return count;
  }

  // The answers of the `count` oldest requests.
  Task<void> send(size_t count) {
    std::vector<BytesView> parts;
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      const Chain& answer = pending_[i]->answer;
      for (const auto& part : answer.parts()) parts.push_back(part.view());
      bytes += answer.size();
    }
    if (bytes == 0) co_return;
    const auto patience = shard_.options().send_timeout + slow_peers_time(bytes);
    sending_.start(shard_.shard().now() + patience, [this] {
      shard_.metrics().closed_slow.add();
      fail();
    });
    const auto sent = co_await stream_->write_all(parts);
    sending_.stop();
    if (!sent) {
      fail();
      co_return;
    }
    shard_.metrics().bytes_out.add(bytes);
  }

  // A fault of the client's that ends the connection; answers of earlier requests are not waited for, as in Kafka.
  void refuse(const std::string& why) {
    shard_.metrics().closed_bad_request.add();
    shard_.broker().tell_of_refusal({Severity::warning,
                                     "connection.refused_request",
                                     why,
                                     {{"peer", to_string(client_.peer)}, {"client", client_.software}}});
    fail();
  }

  void fail() {
    failed_ = true;
    stream_->close();
    answers_changed_.notify_all();
  }

  // The rest of a request that was begun must come in time.
  void watch_body(size_t bytes) {
    reading_body_ = true;
    const Duration patience = std::min(kBodyPatienceMax, shard_.options().send_timeout);
    idle_.start(shard_.shard().now() + patience + slow_peers_time(bytes), [this] {
      shard_.metrics().closed_slow.add();
      fail();
    });
  }

  void watch_idle() {
    if (reading_body_) return;
    idle_.start(shard_.shard().now() + shard_.options().idle_timeout, [this] {
      if (!pending_.empty()) return watch_idle();
      shard_.metrics().closed_idle.add();
      fail();
    });
  }

  BrokerShard& shard_;
  std::unique_ptr<runtime::Stream> stream_;
  runtime::BufferedReader reader_;  // of stream_
  Client client_;
  runtime::Gate tasks_;
  runtime::Condition answers_changed_;
  std::deque<std::shared_ptr<Pending>> pending_;
  std::shared_ptr<Pending> newest_;
  runtime::Timer idle_;
  runtime::Timer sending_;
  // Whether it has been looked where the connection belongs: once, when that can be told.
  bool settled_ = false;
  // Where it goes on, and with what; null: here.
  BrokerShard* home_ = nullptr;
  std::optional<Request> moved_request_;
  bool reading_body_ = false;  // idle_ watches over it
  bool reading_ended_ = false;
  bool finishing_ = false;
  bool failed_ = false;
};

Task<void> serve_moved(BrokerShard& shard, std::unique_ptr<Moving> moving) {
  const auto attached = moving->stream->attach();
  Connection connection(shard, *moving);
  if (!attached) connection.abort();
  co_await connection.run(std::move(moving));
}

}  // namespace

Task<void> serve_connection(BrokerShard& shard, std::unique_ptr<runtime::Stream> stream,
                            std::string listener) {
  Connection connection(shard, std::move(stream), std::move(listener));
  co_await connection.run();
}

}  // namespace godwit::broker
