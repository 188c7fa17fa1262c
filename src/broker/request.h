// A request on its way through the broker.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "broker/broker_shard.h"
#include "kafka/frame.h"

namespace godwit::broker {

// What waits on behalf of a request and can be told that it need not: it is then answered with what there is.
class LongPoll {
 public:
  virtual ~LongPoll() = default;
  virtual void stop() = 0;
  // The peer has sent another request, which waits for this one's answer.
  virtual void next_came() {}
};

class ReplicaSession;

// A flag that is set on one shard and may be read on any. It moves while nobody else reads it.
class SharedFlag : public std::atomic<bool> {
 public:
  SharedFlag() : std::atomic<bool>(false) {}
  SharedFlag(SharedFlag&& other) noexcept : std::atomic<bool>(other.load()) {}
  using std::atomic<bool>::operator=;
};

// What is known of the connection that a request came by. Lives as long as the connection.
struct Client {
  uint64_t connection = 0;  // a number for diagnostics
  runtime::Endpoint peer;
  runtime::Endpoint local;            // the address that the client dialled
  std::string listener;               // its name
  std::string software;               // "librdkafka 2.0.2", as ApiVersions said; empty before
  std::weak_ptr<LongPoll> long_poll;  // of the request that is being served
  // The peer has ended its side: nothing is waited for on its behalf. May be read on any shard.
  SharedFlag gone;
  std::shared_ptr<ReplicaSession> replica;  // where a follower fetches
  // What answers to it may hold until they are sent, of the shard's response memory: a peer that does not read must not
  // take what the others need.
  std::unique_ptr<runtime::Semaphore> response_memory;
  // When this connection's requests began to wait for an election that no image tells of yet (Produce).
  std::optional<MonotonicTime> election_awaited_since;
};

// Memory of a response that was made and not yet sent; given back when it is destroyed, on the connection's shard.
class Permit {
 public:
  Permit() = default;
  // `bytes` were acquired of both; the second may be null.
  Permit(runtime::Semaphore& all, runtime::Semaphore* own, size_t bytes)
      : all_(&all), own_(own), bytes_(bytes) {}
  Permit(Permit&& other) noexcept
      : all_(std::exchange(other.all_, nullptr)), own_(other.own_), bytes_(other.bytes_) {}
  Permit& operator=(Permit&& other) noexcept {
    std::swap(all_, other.all_);
    std::swap(own_, other.own_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Permit() {
    if (all_ == nullptr) return;
    all_->release(bytes_);
    if (own_ != nullptr) own_->release(bytes_);
  }

 private:
  runtime::Semaphore* all_ = nullptr;
  runtime::Semaphore* own_ = nullptr;
  size_t bytes_ = 0;
};

// What a handler is given. Lives until its answer is made, on the connection's shard.
class RequestContext {
 public:
  RequestContext(BrokerShard& s, Client& c, kafka::RequestFrame f, std::byte* w, MonotonicTime a,
                 std::function<void()> go)
      : shard(s), client(c), frame(std::move(f)), arrived(a), writable_(w), admitted_(std::move(go)) {}

  BrokerShard& shard;
  Client& client;
  kafka::RequestFrame frame;
  MonotonicTime arrived;
  Permit permit;  // set by a handler whose answer holds much memory

  int16_t version() const { return frame.version; }
  std::string client_id() const { return frame.client_id.value_or(""); }

  // What this request does is settled, only its answer waits (for the disk): the next request of the connection may
  // start. Requests of which this is not said are served one at a time.
  void admit() {
    if (admitted_) std::exchange(admitted_, nullptr)();
  }

  // A part of the request's frame, writable: the frame belongs to this request alone.
  MutableBytes writable(BytesView part) const { return {writable_ + (part.data() - writable_), part.size()}; }

 private:
  std::byte* writable_;
  std::function<void()> admitted_;
};

// The frame of the response, or an empty chain for none. An error closes the connection; its message is for the
// operator.
using Answer = Result<Chain>;

}  // namespace godwit::broker
