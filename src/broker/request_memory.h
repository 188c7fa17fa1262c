// Memory of requests that are being read or were not yet answered, of one kind on one shard.
//
//   RequestMemory::Claim claim(memory, size, changed);
//   while (have < size) {
//     if (claim.granted() == have) claim.want_more();
//     while (claim.waits()) co_await changed.wait();
//     … read up to claim.granted() …
//   }
//
// A body gets its memory a step at a time, as its bytes come: who only says that much will come holds one step. So a
// claim may wait while it holds some, and claims could hold one another up. That is avoided as a banker does: a step is given
// only while some order is left in which all bodies that are being read in several steps can be read to their ends with what
// there is. Whoever is read whole is answered without any more memory of this kind, and gives back what it held.
//
// First come, first served, but for two things: bodies that hold a part come before those that hold none, for others
// wait for them; and a body whose step would not be safe lets those behind it pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/sync.h"

namespace godwit::broker {

// Whose request it is. Each kind has memory of its own, for the ones wait for the others: a Produce with acks=all for the Fetch of
// a follower, a client for what brokers tell one another.
enum class RequestOf : uint8_t { producer, client, broker };
constexpr size_t kRequestKinds = 3;

class RequestMemory {
 public:
  // Up to so many bytes a claim gets at once.
  static constexpr size_t kStep = 1 << 20;
  // So many bodies are read in several steps at a time; the others wait for their first one.
  static constexpr size_t kGrowingMax = 64;

  explicit RequestMemory(size_t bytes) : capacity_(bytes), free_(bytes) {}
  RequestMemory(const RequestMemory&) = delete;
  RequestMemory& operator=(const RequestMemory&) = delete;

  class Claim;
  size_t capacity() const { return capacity_; }
  size_t free() const { return free_; }

 private:
  size_t step() const { return capacity_ < kStep ? capacity_ : kStep; }
  // The step is there, and nothing that grows would be stuck after it.
  bool can_give(const Claim& claim) const;
  bool is_safe(const Claim& claim) const;
  void give(Claim& claim);
  void take_back(Claim& claim);
  bool anybody_waits() const;
  // Gives what is free to those who wait.
  void serve();

  size_t capacity_;
  size_t free_;
  uint64_t next_number_ = 0;
  std::vector<Claim*> growing_;  // hold some and want more, the oldest first
  size_t growing_sizes_ = 0;     // of those, when they are read
  runtime::List to_grow_;        // wait for the first of several steps
  runtime::List to_pass_;        // wait for their only step
};

// What one request holds and waits for. Belongs to the shard; destroyed, it gives everything back and waits no more. The
// memory and `changed` must outlive it.
class RequestMemory::Claim final : public runtime::ListNode {
 public:
  // For a request of `size` bytes; more than there is at all counts as everything. Holds nothing yet. `changed` is
  // notified when a wait ends.
  Claim(RequestMemory& memory, size_t size, runtime::Condition& changed);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  // Asks for the next step; not while it waits or has all.
  void want_more();
  bool waits() const { return waits_; }
  // How many bytes of the request may be in memory.
  size_t granted() const { return held_ == charged_ ? size_ : held_; }

 private:
  friend class RequestMemory;
  size_t left() const { return charged_ - held_; }
  size_t step() const { return left() < memory_.step() ? left() : memory_.step(); }
  bool grows() const { return charged_ > memory_.step(); }

  RequestMemory& memory_;
  size_t size_;
  size_t charged_;  // of the memory, when it is read
  size_t held_ = 0;
  uint64_t number_ = 0;  // in the order of first waits
  bool waits_ = false;
  runtime::Condition& changed_;
};

}  // namespace godwit::broker
