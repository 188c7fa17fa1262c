#include "client/subscription.h"

#include <algorithm>

namespace godwit::client {
namespace {

constexpr size_t kRecordsMax = 500;
constexpr std::chrono::milliseconds kWait{100};
constexpr std::chrono::milliseconds kCommitEvery{1000};
constexpr std::chrono::milliseconds kPauseFirst{100};
constexpr std::chrono::milliseconds kPauseMax{5000};
// Whose callback fails for longer falls silent, and loses its partitions after max.poll.interval.ms: another member may fare
// better.
constexpr std::chrono::minutes kFailingMax{5};

using Clock = std::chrono::steady_clock;

}  // namespace

GroupSubscription::GroupSubscription(std::unique_ptr<GroupReader> reader, RecordCallback callback)
    : reader_(std::move(reader)), callback_(std::move(callback)), thread_([this] { run(); }) {}

GroupSubscription::~GroupSubscription() {
  unsubscribe();
}

void GroupSubscription::unsubscribe() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  const std::lock_guard lock(ending_);
  if (thread_.joinable()) thread_.join();
  // Nothing of it stays behind: an instance that lives on would still ask for a topic that is deleted next.
  reader_.reset();
}

std::optional<Error> GroupSubscription::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

bool GroupSubscription::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void GroupSubscription::pause(std::chrono::milliseconds time, bool silent) {
  if (silent) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return stopping_; });
    return;
  }
  const auto until = Clock::now() + time;
  for (auto now = Clock::now(); now < until && !stopping(); now = Clock::now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    reader_->idle(std::min(left, kWait));
  }
}

bool GroupSubscription::give(const Record& record) {
  const auto began = Clock::now();
  for (auto wait = kPauseFirst; !stopping() && reader_->is_ours(record);
       wait = std::min(wait * 2, kPauseMax)) {
    try {
      callback_(record);
      return true;
    } catch (...) {
      // What it threw is the caller's; here it only means: not yet. What is done need not wait for this one.
      (void)reader_->commit_done();
      pause(wait, Clock::now() - began > kFailingMax);
    }
  }
  return false;
}

void GroupSubscription::run() {
  auto committed_at = Clock::now();
  const auto commit = [&](bool now) {
    if (!now && Clock::now() - committed_at < kCommitEvery) return;
    // What could not be committed is committed with the next, or given to somebody again.
    (void)reader_->commit_done();
    committed_at = Clock::now();
  };
  while (!stopping()) {
    const auto records = reader_->read(kRecordsMax, kWait);
    if (!records) {
      const std::lock_guard lock(mutex_);
      error_ = records.error();
      break;
    }
    for (const Record& record : *records) {
      if (stopping()) break;
      if (!give(record)) continue;
      reader_->done(record);
      commit(false);
    }
    commit(false);
  }
  commit(true);
  reader_->close();
}

}  // namespace godwit::client
