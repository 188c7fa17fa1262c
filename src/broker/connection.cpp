#include "broker/connection.h"

#include <deque>

#include "base/endian.h"
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/replica_session.h"
#include "net/sniff.h"

namespace godwit::broker {
namespace {

using runtime::Task;

// Beside the send timeout: a peer that reads at least so many bytes a second is slow but alive.
constexpr size_t kSlowestPeerBytesPerSecond = 100 * 1024;

// Of the memory of all answers (of a shard) those of one connection may hold an eighth, but as much as a client asks for of a
// partition where there is little.
size_t own_part(size_t all) {
  return std::max(all / 8, std::min<size_t>(all, 1 << 20));
}

class Connection final : public OpenConnection {
 public:
  Connection(BrokerShard& shard, std::unique_ptr<runtime::Stream> stream, std::string listener)
      : shard_(shard), stream_(std::move(stream)), idle_(shard.shard()), sending_(shard.shard()) {
    client_.connection = shard.broker().next_connection_number();
    client_.peer = stream_->peer();
    client_.local = stream_->local();
    client_.listener = std::move(listener);
    client_.response_memory =
        std::make_unique<runtime::Semaphore>(own_part(shard.response_memory().capacity()));
  }

  Task<void> run() {
    watch_idle();
    const bool listed = shard_.broker().enter(*this, shard_);
    if (listed) {
      tasks_.spawn(shard_.shard(), send_answers());
      co_await read_requests();
      // No more requests; those under way are answered as long as the peer reads, and nothing is waited for.
      reading_ended_ = true;
      client_.gone = true;
      if (const auto poll = client_.long_poll.lock()) poll->stop();
      answers_changed_.notify_all();
      co_await tasks_.close();
      if (client_.replica) co_await client_.replica->close();
      shard_.broker().leave(*this, shard_);
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
    size_t memory = 0;  // of the shard's request memory
  };

  Task<void> read_requests() {
    std::byte head[net::kSniffBytes];
    size_t have = 0;
    if (!co_await sniff_protocol(head, have)) co_return;
    for (;;) {
      if (have < kafka::kFrameLengthSize) {
        auto rest = MutableBytes(head, kafka::kFrameLengthSize).subspan(have);
        if (!co_await runtime::read_exactly(*stream_, rest)) co_return;
        have = kafka::kFrameLengthSize;
      }
      if (const auto poll = client_.long_poll.lock(); poll && !may_start_another()) poll->next_came();
      while (!may_start_another()) co_await answers_changed_.wait();
      if (failed_ || finishing_) co_return;
      const auto length = load_big<int32_t>(head);
      if (length < 0 || static_cast<size_t>(length) > shard_.options().request_bytes_max) {
        refuse("a frame of " + std::to_string(length) + " bytes; the limit is " +
               std::to_string(shard_.options().request_bytes_max) + " (socket.request.max.bytes)");
        co_return;
      }
      // Nothing of the request is read before its memory is there: the peer's window closes meanwhile.
      const auto size = static_cast<size_t>(length);
      co_await shard_.request_memory().acquire(size);
      if (!co_await read_and_start(
              size, BytesView(head).subspan(kafka::kFrameLengthSize, have - kafka::kFrameLengthSize))) {
        co_return;
      }
      have = 0;
    }
  }

  // Reads until it is known what the peer speaks; false when it is not Kafka.
  Task<bool> sniff_protocol(MutableBytes head, size_t& have) {
    net::Protocol protocol = net::Protocol::undecided;
    while (protocol == net::Protocol::undecided) {
      const auto count = co_await stream_->read_some(head.subspan(have));
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
    if (protocol == net::Protocol::http) {
      const std::string text = net::http_answer(shard_.options().http_address);
      const BytesView part = as_bytes(text);
      (void)co_await stream_->write_all(std::span(&part, 1));
      stream_->shutdown_write();
    }
    co_return false;
  }

  // Reads the frame's body (its first bytes may be there already) and starts its handler. False ends the connection. The
  // memory was acquired and is given back with the answer.
  Task<bool> read_and_start(size_t size, BytesView already) {
    const std::shared_ptr<std::byte[]> memory(new std::byte[size]);
    std::memcpy(memory.get(), already.data(), std::min(size, already.size()));
    if (already.size() < size) {
      const auto rest = MutableBytes(memory.get(), size).subspan(already.size());
      if (!co_await runtime::read_exactly(*stream_, rest)) {
        shard_.request_memory().release(size);
        co_return false;
      }
    }
    shard_.metrics().bytes_in.add(size + kafka::kFrameLengthSize);
    auto frame = kafka::parse_request(SharedBytes(memory, BytesView(memory.get(), size)));
    if (!frame) {
      shard_.request_memory().release(size);
      refuse(frame.error().message);
      co_return false;
    }
    auto pending = std::make_shared<Pending>();
    pending->memory = size;
    pending_.push_back(pending);
    watch_idle();
    tasks_.spawn(shard_.shard(), handle(pending, std::move(*frame), memory));
    newest_ = std::move(pending);
    co_return !failed_ && !finishing_;
  }

  // Whether the newest request has been answered, or waits for the disk alone, and not too many do.
  bool may_start_another() const {
    if (failed_ || newest_ == nullptr) return true;
    return newest_->started_next && pending_.size() < shard_.options().requests_in_flight_max;
  }

  Task<void> handle(std::shared_ptr<Pending> pending, kafka::RequestFrame frame,
                    std::shared_ptr<std::byte[]> memory) {
    const kafka::ApiKey key = frame.key();
    RequestContext context(shard_, client_, std::move(frame), memory.get(), shard_.shard().now(),
                           [this, pending] {
                             pending->started_next = true;
                             answers_changed_.notify_all();
                           });
    Answer answer = co_await api::serve(context);
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

  // Sends answers in the order of their requests, as they are done.
  Task<void> send_answers() {
    for (;;) {
      while (pending_.empty() || !pending_.front()->done) {
        if (failed_ && pending_.empty()) co_return;
        if (pending_.empty() && reading_ended_) co_return;
        co_await answers_changed_.wait();
      }
      const auto pending = pending_.front();
      // After a failure answers are only thrown away.
      if (!failed_ && !pending->answer.empty()) co_await send(pending->answer);
      pending->answer = {};
      pending->permit = {};
      shard_.request_memory().release(pending->memory);
      pending_.pop_front();
      if (finishing_ && pending_.empty()) fail();
      watch_idle();
      answers_changed_.notify_all();
    }
  }

  Task<void> send(const Chain& answer) {
    std::vector<BytesView> parts;
    parts.reserve(answer.parts().size());
    for (const auto& part : answer.parts()) parts.push_back(part.view());
    const auto patience =
        shard_.options().send_timeout + std::chrono::seconds(answer.size() / kSlowestPeerBytesPerSecond);
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
    shard_.metrics().bytes_out.add(answer.size());
  }

  // A fault of the client's that ends the connection; answers of earlier requests are not waited for, as in Kafka.
  void refuse(const std::string& why) {
    shard_.metrics().closed_bad_request.add();
    shard_.diagnostics().emit({Severity::warning,
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

  void watch_idle() {
    idle_.start(shard_.shard().now() + shard_.options().idle_timeout, [this] {
      if (!pending_.empty()) return watch_idle();
      shard_.metrics().closed_idle.add();
      fail();
    });
  }

  BrokerShard& shard_;
  std::unique_ptr<runtime::Stream> stream_;
  Client client_;
  runtime::Gate tasks_;
  runtime::Condition answers_changed_;
  std::deque<std::shared_ptr<Pending>> pending_;
  std::shared_ptr<Pending> newest_;
  runtime::Timer idle_;
  runtime::Timer sending_;
  bool reading_ended_ = false;
  bool finishing_ = false;
  bool failed_ = false;
};

}  // namespace

Task<void> serve_connection(BrokerShard& shard, std::unique_ptr<runtime::Stream> stream,
                            std::string listener) {
  Connection connection(shard, std::move(stream), std::move(listener));
  co_await connection.run();
}

}  // namespace godwit::broker
