#include "cluster/news.h"

#include <algorithm>

#include "cluster/image_wire.h"

namespace godwit::cluster {

using runtime::Task;

void News::publish(ImagePtr image) {
  GW_CHECK(images_.empty() || image->version > images_.back()->version, "versions of images rise");
  images_.push_back(std::move(image));
  if (images_.size() > kKept) images_.pop_front();
  cached_.reset();
  changed_.notify_all();
  seen_changed_.notify_all();  // who is to have it may be others by now
}

Task<void> News::wait(ImageVersion version, MonotonicTime deadline, std::function<bool()> stale) {
  while (images_.back()->version == version && !stale()) {
    if (!co_await changed_.wait_until(deadline)) break;
  }
}

const Image* News::kept(ImageVersion version) const {
  for (const ImagePtr& image : images_) {
    if (image->version == version) return image.get();
  }
  return nullptr;
}

kafka::ClusterPollResponse News::since(ImageVersion version) {
  if (cached_ && cached_from_ == version) return *cached_;
  const Image* const before = kept(version);
  cached_ = before != nullptr ? difference(*before, *images_.back()) : full(*images_.back());
  cached_from_ = version;
  return *cached_;
}

void News::acknowledged(BrokerId id, uint64_t incarnation, ImageVersion version, MonotonicTime now) {
  Seen& seen = seen_[id];
  if (incarnation < seen.incarnation) return;
  if (incarnation > seen.incarnation) seen = {incarnation, {}, now};
  seen.contact = now;
  // Of another controller, or of the future: says nothing of ours.
  const ImageVersion newest = images_.back()->version;
  if (version.fence != newest.fence || version > newest || version <= seen.version) return;
  seen.version = version;
  seen_changed_.notify_all();
}

bool News::has(BrokerId id, uint64_t incarnation, ImageVersion version) const {
  const auto found = seen_.find(id);
  return found != seen_.end() && found->second.incarnation == incarnation && found->second.version >= version;
}

std::optional<MonotonicTime> News::contact(BrokerId id, uint64_t incarnation) const {
  const auto found = seen_.find(id);
  if (found == seen_.end() || found->second.incarnation != incarnation) return std::nullopt;
  return found->second.contact;
}

Task<void> News::wait_for_brokers(ImageVersion version, MonotonicTime deadline,
                                  std::function<std::vector<std::pair<BrokerId, uint64_t>>()> who) {
  for (;;) {
    const auto ids = who();
    const bool all = std::all_of(ids.begin(), ids.end(), [&](const auto& broker) {
      return has(broker.first, broker.second, version);
    });
    if (all || !co_await seen_changed_.wait_until(deadline)) co_return;
  }
}

}  // namespace godwit::cluster
