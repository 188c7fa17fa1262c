// Calls back for each record that a member of a group is given.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "client/group_reader.h"

namespace godwit::client {

class GroupSubscription final : public Subscription {
 public:
  GroupSubscription(std::unique_ptr<GroupReader> reader, RecordCallback callback);
  ~GroupSubscription() override;

  void unsubscribe() override;
  std::optional<Error> error() const override;

 private:
  void run();
  // Calls back until it returns; false when that was given up, since the subscription ends or the record is another's now.
  bool give(const Record& record);
  bool stopping() const;
  // Waits, but not longer than the subscription lasts; as one of the group's members or, `silent`, without a word to it.
  void pause(std::chrono::milliseconds time, bool silent);

  std::unique_ptr<GroupReader> reader_;
  RecordCallback callback_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::optional<Error> error_;
  std::mutex ending_;
  std::thread thread_;
};

}  // namespace godwit::client
