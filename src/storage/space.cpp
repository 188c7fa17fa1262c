#include "storage/space.h"

#include <algorithm>

#include "storage/arena.h"

namespace godwit::storage {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(500);
constexpr Duration kBelieveAgainAfter = std::chrono::seconds(10);
// What a checkpoint, some segments' first blocks and the directories take.
constexpr uint64_t kMargin = 4 << 20;

}  // namespace

SpacePlan plan_space(const StoreOptions& options, uint64_t disk_bytes) {
  SpacePlan plan{.reserve = std::min(options.reserve_bytes, disk_bytes / 16)};
  const uint64_t journal = options.journal_file_bytes * options.journal_files;
  plan.ballast = options.ballast_bytes.value_or(std::min(journal, disk_bytes / 20)) / kBlockMin * kBlockMin;
  return plan;
}

SpaceWatch::SpaceWatch(StoreContext& context, std::function<runtime::Task<uint64_t>()> unwritten)
    : context_(context), unwritten_(std::move(unwritten)) {}

runtime::Task<void> SpaceWatch::set_ballast(uint64_t bytes) {
  runtime::FileSystem& files = context_.runtime.files();
  if (bytes == 0) {
    const auto removed = co_await files.remove(ballast_path());
    if (removed || removed.error().kind == ErrorKind::not_found) ballast_ = 0;
    co_return;
  }
  auto file = co_await files.open(ballast_path(),
                                  {.write = true, .create = runtime::OpenOptions::Create::if_missing});
  if (!file) co_return;
  if (const auto allocated = co_await (*file)->allocate(bytes); !allocated) {
    // As much as there was is no ballast: the space is wanted now.
    (void)co_await files.remove(ballast_path());
    co_return;
  }
  ballast_ = bytes;
}

runtime::Task<void> SpaceWatch::look() {
  const auto lock = co_await one_look_.lock();
  // One that comes while this waits is for the next look.
  const bool give_up = std::exchange(give_up_, false);
  runtime::FileSystem& files = context_.runtime.files();
  const auto space = co_await files.space(context_.options.directory);
  // Not to know is no reason to stop.
  if (!space) {
    give_up_ |= give_up;
    co_return;
  }
  const SpacePlan plan = plan_space(context_.options, space->total);
  if (!ballast_known_) {
    const auto there = co_await files.exists(ballast_path());
    ballast_known_ = ballast_ = there && *there ? plan.ballast : 0;
  }
  const uint64_t needed = co_await unwritten_();
  uint64_t available = space->available;
  if (ballast_ > 0 && (give_up || available < needed + kMargin)) {
    co_await set_ballast(0);
    available += plan.ballast;
    context_.diagnostics.emit(
        {Severity::warning,
         "disk.ballast_given_up",
         "the disk is full: the ballast file was removed so that what was acknowledged can be "
         "written; delete something or make room",
         {{"available", std::to_string(available)}}});
  } else if (ballast_ == 0 && plan.ballast > 0 && runtime::Shard::current()->now() >= take_back_at_ &&
             available >= plan.ballast + needed + plan.reserve + kMargin) {
    co_await set_ballast(plan.ballast);
    if (ballast_ > 0) available -= plan.ballast;
  }
  // It comes back a little later than it went, so that it does not flap.
  const uint64_t margin = context_.space_left ? 0 : plan.reserve / 8;
  const bool left = available >= needed + plan.reserve + margin && (ballast_ > 0 || plan.ballast == 0);
  if (context_.space_left.exchange(left) == left) co_return;
  context_.diagnostics.emit(
      {left ? Severity::info : Severity::warning,
       left ? "disk.has_space" : "disk.nearly_full",
       left ? "the disk has room again: publishing goes on"
            : "the disk is nearly full: publishing is refused until there is room; reading, deleting and "
              "retention go on",
       {{"available", std::to_string(available)}, {"needed", std::to_string(needed + plan.reserve)}}});
  if (changed_) changed_();
}

runtime::Task<void> SpaceWatch::run() {
  while (!closed_) {
    co_await look();
    if (closed_) break;
    (void)co_await wake_.wait_until(runtime::Shard::current()->now() + kLook);
  }
}

void SpaceWatch::no_space() {
  const MonotonicTime now = runtime::Shard::current()->now();
  // Where writes find none again and again, what the file system tells of its space is not what it gives (a quota, a thin pool).
  if (no_space_at_ && now < *no_space_at_ + kBelieveAgainAfter) take_back_at_ = now + kBelieveAgainAfter;
  no_space_at_ = now;
  give_up_ = true;
  wake_.notify_all();
}

void SpaceWatch::close() {
  closed_ = true;
  wake_.notify_all();
}

}  // namespace godwit::storage
