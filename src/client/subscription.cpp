#include "client/subscription.h"

#include <algorithm>

namespace godwit::client {
namespace {

constexpr size_t kRecordsMax = 500;
constexpr std::chrono::milliseconds kWait{100};
constexpr std::chrono::milliseconds kCommitEvery{1000};
constexpr std::chrono::milliseconds kPauseFirst{100};
constexpr std::chrono::milliseconds kPauseMax{5000};

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

void GroupSubscription::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
}

bool GroupSubscription::give(const Record& record) {
  for (auto wait = kPauseFirst; !stopping(); wait = std::min(wait * 2, kPauseMax)) {
    try {
      callback_(record);
      return true;
    } catch (...) {
      // What it threw is the caller's; here it only means: not yet.
      pause(wait);
    }
  }
  return false;
}

void GroupSubscription::run() {
  GroupReader::Progress done;
  auto committed_at = Clock::now();
  const auto commit = [&](bool now) {
    if (done.empty() || (!now && Clock::now() - committed_at < kCommitEvery)) return;
    // What could not be committed is committed with the next, or given to somebody again.
    if (reader_->commit(done)) done.clear();
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
      if (!give(record)) break;
      done[{record.topic, record.partition}] = record.offset + 1;
      commit(false);
    }
    commit(false);
  }
  commit(true);
  reader_->close();
}

}  // namespace godwit::client
