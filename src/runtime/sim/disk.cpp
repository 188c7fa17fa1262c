#include "runtime/sim/disk.h"

#include <algorithm>

#include "base/crc32c.h"
#include "runtime/sim/event_kind.h"
#include "runtime/sim/node.h"

namespace godwit::runtime::sim {

std::string_view to_string(CrashPoint point) {
  constexpr std::string_view names[] = {"before", "during", "after"};
  return names[static_cast<size_t>(point)];
}

std::string_view to_string(OpKind kind) {
  constexpr std::string_view names[] = {
      "open",           "create",           "read",           "write",           "sync",
      "allocate",       "truncate",         "query",          "rename",          "remove",
      "make_directory", "remove_directory", "sync_directory", "sync_filesystem", "lock"};
  static_assert(std::size(names) == op_kind_count);
  return names[static_cast<size_t>(kind)];
}

bool is_mutation(OpKind kind) {
  return kind != OpKind::open && kind != OpKind::read && kind != OpKind::query && kind != OpKind::lock;
}

Disk::Disk(World& world, Node& node, DiskOptions options, uint64_t seed)
    : world_(world), node_(node), options_(options), random_(seed) {
  image_.capacity = options.capacity;
  image_.garbage = options.garbage;
}

bool Disk::matches(OpFilter& filter, const DiskOp& op) {
  if (!filter.kinds.empty() && !filter.kinds.contains(op.kind)) return false;
  if (op.path.find(filter.path) == std::string::npos &&
      op.other_path.find(filter.path) == std::string::npos) {
    return false;
  }
  if (filter.skip == 0) return true;
  --filter.skip;
  return false;
}

void Disk::fail_next(OpFilter filter, ErrorKind kind, uint64_t times) {
  faults_.push_back({std::move(filter), kind, times});
}

void Disk::fail_randomly(OpFilter filter, ErrorKind kind, uint64_t numerator, uint64_t denominator) {
  GW_CHECK(denominator > 0, "a probability has a denominator");
  faults_.push_back({std::move(filter), kind, 0, numerator, denominator});
}

void Disk::fail_reads(std::string path, uint64_t position, uint64_t size) {
  bad_ranges_.push_back({normal_path(path), position, size});
}

void Disk::clear_faults() {
  faults_.clear();
  bad_ranges_.clear();
}

void Disk::stall(OpFilter filter) {
  stalls_.push_back(std::move(filter));
}

void Disk::release() {
  stalls_.clear();
  for (const auto& op : std::exchange(hanging_, {})) schedule(op, latency_of(*op));
}

void Disk::crash_at(uint64_t mutation, CrashPoint point, CrashKind kind) {
  GW_CHECK(mutation > mutations_, "a crash point lies in the future");
  crash_mutation_ = mutation;
  crash_point_ = point;
  crash_kind_ = kind;
}

Duration Disk::latency_of(const DiskOp& op) {
  const Latency& latency =
      op.kind == OpKind::read    ? options_.read
      : op.kind == OpKind::write ? options_.write
      : op.kind == OpKind::sync || op.kind == OpKind::sync_directory || op.kind == OpKind::sync_filesystem
          ? options_.sync
          : options_.other;
  if (latency.tail_every > 0 && random_.below(latency.tail_every) == 0) return latency.tail;
  const auto low = static_cast<uint64_t>(latency.min.count());
  const auto high = static_cast<uint64_t>(latency.max.count());
  const uint64_t bytes = op.data.size() + op.into.size();
  const uint64_t transfer =
      options_.bytes_per_second == 0 ? 0 : bytes * 1'000'000'000 / options_.bytes_per_second;
  return Duration(static_cast<int64_t>(random_.between(low, high) + transfer));
}

std::optional<ErrorKind> Disk::fault_for(const DiskOp& op) {
  if (read_only_ && is_mutation(op.kind) && op.kind != OpKind::sync && op.kind != OpKind::sync_directory &&
      op.kind != OpKind::sync_filesystem) {
    return ErrorKind::permission;
  }
  for (size_t i = 0; i < faults_.size(); ++i) {
    Fault& fault = faults_[i];
    if (!matches(fault.filter, op)) continue;
    if (fault.denominator > 0) {
      if (random_.chance(fault.numerator, fault.denominator)) return fault.kind;
      continue;
    }
    const ErrorKind kind = fault.kind;
    if (--fault.times == 0) faults_.erase(faults_.begin() + static_cast<ptrdiff_t>(i));
    return kind;
  }
  if (op.kind != OpKind::read) return std::nullopt;
  for (const auto& bad : bad_ranges_) {
    if (bad.path == op.path && op.position < bad.position + bad.size &&
        bad.position < op.position + op.into.size()) {
      return ErrorKind::io;
    }
  }
  return std::nullopt;
}

void Disk::submit(const DiskOpPtr& op) {
  if (!node_.alive()) return;
  op->number = ++ops_;
  op->covers = image_.sequence();
  auto& trace = world_.trace();
  trace.add(to_string(op->kind));
  trace.add(op->path);
  trace.add(op->position ^ (op->size << 20));
  trace.add(crc32c(op->data));
  if (is_mutation(op->kind)) op->mutation = ++mutations_;
  if (op->mutation != 0 && op->mutation == crash_mutation_ && crash_point_ != CrashPoint::after) {
    if (crash_point_ == CrashPoint::during) {
      torn_op_ = op->number;
      under_way_[op->number] = op;
    }
    node_.crash(crash_kind_);
    return;
  }
  under_way_[op->number] = op;
  for (auto& stall : stalls_) {
    if (!matches(stall, *op)) continue;
    hanging_.push_back(op);
    return;
  }
  schedule(op, latency_of(*op));
}

void Disk::schedule(const DiskOpPtr& op, Duration in) {
  op->event =
      world_.schedule(world_.now() + in, nullptr, kind_of(EventKind::disk), [this, op] { device_did(op); });
}

void Disk::device_did(const DiskOpPtr& op) {
  under_way_.erase(op->number);
  if (op->waiter && op->kind == OpKind::write) {
    BytesView rest(op->data);
    for (const BytesView part : op->parts) {
      GW_CHECK(equal(part, rest.first(part.size())), "bytes stay unchanged while they are written");
      rest = rest.subspan(part.size());
    }
  }
  if (const auto fault = fault_for(*op)) {
    fail_op(*op, *fault);
  } else {
    perform(*op);
  }
  world_.trace().add(op->outcome ? op->count : 1000 + static_cast<uint64_t>(op->outcome.error().kind));
  if (op->mutation != 0 && op->mutation == crash_mutation_) {  // after
    node_.crash(crash_kind_);
    return;
  }
  finish(op);
}

void Disk::perform(DiskOp& op) {
  switch (op.kind) {
    case OpKind::read:
      return perform_read(op);
    case OpKind::write:
      op.outcome = image_.write(op.inode, op.position, op.data, random_);
      break;
    case OpKind::sync:
      image_.sync(op.inode, op.covers);
      break;
    case OpKind::sync_directory:
      op.outcome = image_.sync_directory(op.path, op.covers);
      break;
    case OpKind::sync_filesystem:
      image_.sync_all(op.covers);
      break;
    default:
      op.outcome = op.apply();
      break;
  }
  if (!op.outcome && op.outcome.error().message.find(op.path) == std::string::npos) {
    op.outcome = fail(op.outcome.error().kind,
                      op.path + ": " + std::string(to_string(op.kind)) + ": " + op.outcome.error().message);
  }
}

void Disk::perform_read(DiskOp& op) {
  const uint64_t end = op.inode->current().size();
  op.count = op.position >= end ? 0 : std::min<uint64_t>(op.into.size(), end - op.position);
  // The buffer is the reader's only while he waits.
  if (!op.waiter) return;
  const MutableBytes there = op.into.first(op.count);
  op.inode->current().read(op.position, there);
  world_.trace().add(crc32c(there));
}

void Disk::fail_op(DiskOp& op, ErrorKind kind) {
  op.outcome = fail(kind, op.path + ": " + std::string(to_string(op.kind)) + " failed on the simulated disk");
  switch (op.kind) {
    case OpKind::write: {
      // Nothing or some sectors of it.
      const uint64_t sectors = op.data.size() / sector_size;
      const uint64_t done = kind == ErrorKind::permission ? 0 : random_.below(sectors + 1) * sector_size;
      if (done > 0 && random_.coin()) {
        (void)image_.write(op.inode, op.position, BytesView(op.data).first(done), random_);
      }
      break;
    }
    case OpKind::sync:
      image_.sync_failed(op.inode, op.covers, random_);
      break;
    case OpKind::sync_filesystem:
      image_.sync_all_failed(op.covers, random_);
      break;
    default:
      break;
  }
}

void Disk::finish(const DiskOpPtr& op) {
  op->finished = true;
  auto resume = [op] {
    if (op->waiter) std::exchange(op->waiter, {}).resume();
  };
  if (op->shard->blocking_files()) {
    op->shard->unblock(std::move(resume));
  } else {
    op->shard->deliver(std::move(resume));
  }
}

void Disk::crash(CrashKind kind) {
  crash_mutation_ = 0;
  hanging_.clear();
  uint64_t torn_change = 0;
  // What the process had handed over but not heard of: after a kill the kernel has finished some of it;
  // before a power cut any of it may have begun, so that it is one more change that was not synced.
  for (auto& [number, op] : std::exchange(under_way_, {})) {
    world_.cancel(op->event, nullptr);
    if (op->kind == OpKind::write) {
      if (kind == CrashKind::kill) {
        write_prefix(*op);
        continue;
      }
      perform(*op);
    } else if (op->apply && is_mutation(op->kind) && random_.coin()) {
      perform(*op);
    } else {
      continue;
    }
    if (number == torn_op_) torn_change = image_.sequence();
  }
  if (kind == CrashKind::power_cut) image_.power_cut(random_, torn_change, Fate::draw_torn(random_));
  torn_op_ = 0;
  locks_.clear();
}

void Disk::write_prefix(DiskOp& op) {
  if (op.data.empty()) return;
  const uint64_t first = op.position / sector_size;
  const uint64_t count = (op.position + op.data.size() + sector_size - 1) / sector_size - first;
  const uint64_t end = (first + random_.between(0, count)) * sector_size;
  if (end <= op.position) return;
  const BytesView bytes(op.data);
  (void)image_.write(op.inode, op.position, bytes.first(std::min<uint64_t>(bytes.size(), end - op.position)),
                     random_);
}

bool Disk::flip_bit(std::string_view path, uint64_t position, unsigned bit) {
  const auto inode = image_.find(path);
  return inode && (*inode)->flip_bit(position, bit);
}

std::vector<std::pair<std::string, uint64_t>> Disk::rot(std::string_view pattern, size_t count) {
  std::vector<std::pair<std::string, uint64_t>> candidates;
  for (const auto& path : image_.files()) {
    const auto inode = image_.find(path);
    if (path.find(pattern) == std::string::npos || (*inode)->current().size() == 0) continue;
    candidates.emplace_back(path, (*inode)->current().size());
  }
  std::vector<std::pair<std::string, uint64_t>> flipped;
  while (!candidates.empty() && flipped.size() < count) {
    const auto& [path, size] = candidates[random_.below(candidates.size())];
    const uint64_t position = random_.below(size);
    flip_bit(path, position, static_cast<unsigned>(random_.below(8)));
    flipped.emplace_back(path, position);
  }
  return flipped;
}

namespace {

Result<Bytes> whole(const Result<InodePtr>& inode, const Content& (Inode::*view)() const) {
  if (!inode) return fail(inode.error());
  const Content& content = ((**inode).*view)();
  Bytes bytes(content.size());
  content.read(0, bytes);
  return bytes;
}

}  // namespace

Result<Bytes> Disk::contents(std::string_view path) const {
  return whole(image_.find(path), &Inode::current);
}

Result<Bytes> Disk::durable_contents(std::string_view path) const {
  return whole(image_.find(path), &Inode::durable);
}

void Disk::install(std::string_view path, BytesView bytes) {
  const std::string normal = normal_path(path);
  for (size_t slash = normal.find('/', 1); slash != std::string::npos; slash = normal.find('/', slash + 1)) {
    GW_CHECK(image_.make_directory(normal.substr(0, slash)), "the folders of an installed file can be made");
  }
  auto inode = image_.find(normal);
  if (!inode) inode = image_.create_file(normal);
  GW_CHECK(inode, "an installed file can be made");
  image_.truncate(*inode, 0);
  GW_CHECK(image_.write(*inode, 0, bytes, random_), "there is space for an installed file");
  image_.sync_all(image_.sequence());
}

}  // namespace godwit::runtime::sim
