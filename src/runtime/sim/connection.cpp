#include "runtime/sim/connection.h"

#include <algorithm>

#include "base/crc32c.h"
#include "runtime/sim/event_kind.h"

namespace godwit::runtime::sim {

Connection::Connection(SimNetwork& network, uint64_t id, Node& from, Endpoint from_at, Node& to,
                       Endpoint to_at)
    : network_(network), id_(id) {
  sides_[0].node = &from;
  sides_[1].node = &to;
  sides_[0].local = sides_[1].peer = std::move(from_at);
  sides_[0].peer = sides_[1].local = std::move(to_at);
  for (auto& one : sides_) one.credit = network.options().window;
}

size_t Connection::send(size_t from, BytesView bytes) {
  Side& side = sides_[from];
  const size_t count = std::min(bytes.size(), side.credit);
  side.credit -= count;
  bytes = bytes.first(count);
  auto& random = network_.random();
  while (!bytes.empty()) {
    size_t segment = std::min(bytes.size(), network_.options().segment_max);
    if (random.below(4) == 0) segment = 1 + random.below(segment);
    put(from, {.kind = Packet::Kind::data, .data = to_bytes(bytes.first(segment))});
    bytes = bytes.subspan(segment);
    if (sides_[0].node != sides_[1].node && network_.breaks_now()) {
      break_now();
      break;
    }
  }
  return count;
}

size_t Connection::take(size_t at, MutableBytes into) {
  Side& side = sides_[at];
  size_t count = std::min(into.size(), side.unread());
  if (count > 1 && network_.random().below(4) == 0) count = 1 + network_.random().below(count);
  std::memcpy(into.data(), side.received.data() + side.received_at, count);
  side.received_at += count;
  if (side.received_at == side.received.size()) {
    side.received.clear();
    side.received_at = 0;
  }
  if (!side.reset) put(at, {.kind = Packet::Kind::credit, .credit = count});
  return count;
}

void Connection::shutdown_write(size_t from) {
  Side& side = sides_[from];
  if (!side.open || side.reset || side.fin_sent) return;
  side.fin_sent = true;
  put(from, {.kind = Packet::Kind::fin});
}

void Connection::close(size_t at) {
  Side& side = sides_[at];
  if (!side.open) return;
  if (!side.reset && side.unread() > 0) {
    put(at, {.kind = Packet::Kind::reset});
  } else {
    shutdown_write(at);
  }
  side.open = false;
  wake(side.shard, side.reader);
  wake(side.shard, side.writer);
  forget_when_over();
}

void Connection::vanish(size_t at) {
  sides_[at].open = false;
  // What is on the wire arrives; what waited in the machine is gone.
  Direction& out = directions_[at];
  const MonotonicTime now = network_.world().now();
  if (out.stalled) out.packets.clear();
  std::erase_if(out.packets, [&](const Packet& packet) { return packet.departs > now; });
  forget_when_over();
}

void Connection::break_now() {
  for (auto& direction : directions_) direction.packets.clear();
  const auto self = shared_from_this();
  got_reset(0);
  got_reset(1);
}

void Connection::put(size_t from, Packet packet) {
  Direction& out = directions_[from];
  const Node& source = *sides_[from].node;
  const Node& target = *sides_[1 - from].node;
  const MonotonicTime now = network_.world().now();
  const uint64_t rate = network_.link(source, target).bytes_per_second;
  packet.departs = std::max(now, out.line_free);
  const uint64_t transfer = rate == 0 ? 0 : packet.data.size() * 1'000'000'000 / rate;
  out.line_free = packet.departs + Duration(static_cast<int64_t>(transfer));
  // Strictly later than its predecessor: packets of a connection never overtake each other.
  packet.due = std::max(out.line_free + network_.latency(source, target), out.last_due + Duration(1));
  out.last_due = packet.due;
  const MonotonicTime due = packet.due;
  out.packets.push_back(std::move(packet));
  look_at(from, due);
}

void Connection::look_at(size_t from, MonotonicTime when) {
  network_.world().schedule(when, nullptr, kind_of(EventKind::network),
                            [self = shared_from_this(), from] { self->deliver(from); });
}

void Connection::deliver(size_t from) {
  Direction& direction = directions_[from];
  auto& world = network_.world();
  while (!direction.packets.empty() && direction.packets.front().due <= world.now()) {
    if (network_.blocked(*sides_[from].node, *sides_[1 - from].node)) {
      if (direction.stalled) return;
      direction.stalled = true;
      world.schedule(
          world.now() + network_.options().dead_peer_timeout, nullptr, kind_of(EventKind::network),
          [self = shared_from_this(), from, stall = ++direction.stall] { self->give_up(from, stall); });
      return;
    }
    direction.stalled = false;
    Packet packet = std::move(direction.packets.front());
    direction.packets.pop_front();
    process(from, std::move(packet));
  }
}

void Connection::retransmit() {
  for (size_t from = 0; from < 2; ++from) {
    if (directions_[from].packets.empty()) continue;
    const auto wait = std::chrono::microseconds(network_.random().between(1'000, 200'000));
    look_at(from, network_.world().now() + wait);
  }
}

void Connection::give_up(size_t from, uint64_t stall) {
  Direction& direction = directions_[from];
  if (!direction.stalled || direction.stall != stall) return;
  direction.packets.clear();
  got_reset(from);
}

void Connection::process(size_t from, Packet packet) {
  const size_t at = 1 - from;
  Side& side = sides_[at];
  auto& trace = network_.world().trace();
  trace.add(id_ * 8 + static_cast<uint64_t>(packet.kind) * 2 + from);
  switch (packet.kind) {
    case Packet::Kind::data:
      trace.add(crc32c(packet.data));
      if (!side.open) {
        // Nobody has this connection any more.
        put(at, {.kind = Packet::Kind::reset});
        return;
      }
      if (side.reset) return;
      side.received.insert(side.received.end(), packet.data.begin(), packet.data.end());
      return wake(side.shard, side.reader);
    case Packet::Kind::fin:
      side.fin_received = true;
      return wake(side.shard, side.reader);
    case Packet::Kind::credit:
      side.credit += packet.credit;
      return wake(side.shard, side.writer);
    case Packet::Kind::reset:
      return got_reset(at);
  }
}

void Connection::got_reset(size_t at) {
  Side& side = sides_[at];
  if (side.reset) return;
  side.reset = true;
  // What was not read yet may be readable, or not.
  if (network_.random().coin()) {
    side.received.clear();
    side.received_at = 0;
  }
  if (side.open) {
    wake(side.shard, side.reader);
    wake(side.shard, side.writer);
  }
  forget_when_over();
}

void Connection::forget_when_over() {
  if (!sides_[0].open && !sides_[1].open) network_.forget(*this);
}

}  // namespace godwit::runtime::sim
