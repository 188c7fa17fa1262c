// One simulated connection: two sides, and the packets on their way between them in order.
#pragma once

#include <deque>
#include <memory>

#include "runtime/sim/network.h"

namespace godwit::runtime::sim {

// Suspends a frame until the simulator wakes it through the slot; leaves the slot when it is destroyed.
class SlotWait {
 public:
  // `owner` keeps what holds the slot.
  SlotWait(std::shared_ptr<void> owner, ReadyNode*& slot) : owner_(std::move(owner)), slot_(slot) {}
  SlotWait(const SlotWait&) = delete;
  SlotWait& operator=(const SlotWait&) = delete;
  ~SlotWait() {
    if (slot_ == &node_) slot_ = nullptr;
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    GW_CHECK(slot_ == nullptr, "one waits at a time: at most one read, one write and one accept");
    node_.wait(handle);
    slot_ = &node_;
  }
  void await_resume() const noexcept {}

 private:
  std::shared_ptr<void> owner_;
  ReadyNode*& slot_;
  ReadyNode node_;
};

inline void wake(Shard* shard, ReadyNode*& slot) {
  if (slot != nullptr) shard->make_ready(*std::exchange(slot, nullptr));
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // One end, as its machine's kernel holds it.
  struct Side {
    Node* node = nullptr;
    SimShard* shard = nullptr;  // null while it waits to be accepted
    Endpoint local;
    Endpoint peer;
    bool open = true;  // until closed by its process, or gone with it
    bool reset = false;
    bool fin_sent = false;
    bool fin_received = false;
    size_t credit = 0;  // bytes that may still be sent
    Bytes received;
    size_t received_at = 0;  // of `received`, already read
    ReadyNode* reader = nullptr;
    ReadyNode* writer = nullptr;
    size_t unread() const { return received.size() - received_at; }
  };

  Connection(SimNetwork& network, uint64_t id, Node& from, Endpoint from_at, Node& to, Endpoint to_at);

  uint64_t id() const { return id_; }
  Side& side(size_t index) { return sides_[index]; }
  // Sends up to `credit` bytes; gives how many.
  size_t send(size_t from, BytesView bytes);
  // Takes what is there, or by chance less.
  size_t take(size_t at, MutableBytes into);
  void shutdown_write(size_t from);
  // As close(2): an end of stream, or a reset when something was not read.
  void close(size_t at);
  // The side's machine lost power.
  void vanish(size_t at);
  // Resets both sides at once.
  void break_now();
  // Looks again at packets that a cut held up.
  void retransmit();

 private:
  struct Packet {
    enum class Kind { data, fin, reset, credit };
    Kind kind = Kind::data;
    Bytes data;
    size_t credit = 0;
    MonotonicTime departs;
    MonotonicTime due;
  };
  // From side i to the other.
  struct Direction {
    std::deque<Packet> packets;
    MonotonicTime line_free;
    MonotonicTime last_due;
    uint64_t stall = 0;  // counts, so that a timeout knows whether its stall goes on
    bool stalled = false;
  };
  void put(size_t from, Packet packet);
  void look_at(size_t from, MonotonicTime when);
  void deliver(size_t from);
  void process(size_t from, Packet packet);
  void got_reset(size_t at);
  void give_up(size_t from, uint64_t stall);
  void forget_when_over();

  SimNetwork& network_;
  uint64_t id_;
  Side sides_[2];
  Direction directions_[2];
};

}  // namespace godwit::runtime::sim
