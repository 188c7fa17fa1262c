// Images on their way to brokers: the newest, those of late, who has which, and who waits for the next.
//
// Belongs to one shard.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "cluster/image.h"
#include "kafka/messages/cluster_poll.h"
#include "runtime/sync.h"

namespace godwit::cluster {

class News {
 public:
  static constexpr size_t kKept = 64;

  ImagePtr image() const { return images_.empty() ? nullptr : images_.back(); }
  // From now on the newest; its version is above the last one's. Those who wait for it are answered.
  void publish(ImagePtr image);
  // Wakes those who wait, to look again at whether they may.
  void ring() { changed_.notify_all(); }

  // Waits until there is an image other than `version`, until `stale` holds (asked when something happened), or until the
  // deadline.
  runtime::Task<void> wait(ImageVersion version, MonotonicTime deadline, std::function<bool()> stale);
  // What turns the image of that version into the newest; everything, where that version is not kept any more.
  kafka::ClusterPollResponse since(ImageVersion version);

  // The broker serves that image.
  void acknowledged(BrokerId id, uint64_t incarnation, ImageVersion version, MonotonicTime now);
  // Whether it serves that image, or a later one of the same controller.
  bool has(BrokerId id, uint64_t incarnation, ImageVersion version) const;
  // When it polled last.
  std::optional<MonotonicTime> contact(BrokerId id, uint64_t incarnation) const;
  // Waits until all that `who` names (asked again and again) serve the image, or until the deadline.
  runtime::Task<void> wait_for_brokers(ImageVersion version, MonotonicTime deadline,
                                       std::function<std::vector<std::pair<BrokerId, uint64_t>>()> who);

 private:
  struct Seen {
    uint64_t incarnation = 0;
    ImageVersion version;
    MonotonicTime contact;
  };
  const Image* kept(ImageVersion version) const;

  std::deque<ImagePtr> images_;  // their sequences follow one another
  runtime::Condition changed_;
  runtime::Condition seen_changed_;
  std::map<BrokerId, Seen> seen_;
  // Many brokers ask for the same step.
  ImageVersion cached_from_;
  std::optional<kafka::ClusterPollResponse> cached_;
};

}  // namespace godwit::cluster
