// Keeps this broker's image the newest: asks the controller for what changed, applies it, has it served, and acknowledges it with
// the next question. Without a controller the last image stays.
//
// Belongs to shard 0; image() may be asked on any shard.
#pragma once

#include <atomic>
#include <functional>

#include "cluster/controller_link.h"
#include "cluster/registration.h"

namespace godwit::cluster {

class PollClient {
 public:
  using OnChange = std::function<runtime::Task<void>(ImagePtr before, ImagePtr after)>;

  PollClient(Registration& registration, ControllerLink& link, Bell& bell, DiagnosticSink& diagnostics);

  // Until the bell is closed. The bell rings with each image.
  runtime::Task<void> run();

  // What another broker knows, which is not the controller: taken where it is newer. It is no answer of a controller.
  runtime::Task<void> learn(kafka::ClusterPollResponse news);

  ImagePtr image() const { return image_.load(); }
  void on_change(OnChange callback) { on_change_ = std::move(callback); }
  // The state that this broker serves: the callback has returned.
  ImageVersion served() const { return served_; }
  // The incarnation that the controller answered last; 0: none yet. The image is from after it knew that one.
  uint64_t known_as() const { return known_as_; }
  // Whether a controller answered within that time before `now`. Any shard.
  bool answered_within(Duration duration, MonotonicTime now) const;
  // Whether the controller is to keep the tombstones, since this broker could not read them.
  void set_undecided(bool undecided) { undecided_ = undecided; }
  // Waits until this broker serves `version`, or `patience` is over.
  runtime::Task<void> reached(ImageVersion version, Duration patience);
  void close() { on_change_ = nullptr; }

 private:
  // Error: what is wrong with the answer, or that there was none.
  runtime::Task<Result<void>> take(uint64_t incarnation, ImageVersion asked,
                                   kafka::ClusterPollResponse answer);
  // `asked` is the state from which a difference leads on.
  runtime::Task<Result<void>> take_image(ImageVersion asked, kafka::ClusterPollResponse answer);
  runtime::Task<void> pause(uint64_t generation, Duration pause);

  Registration& registration_;
  ControllerLink& link_;
  Bell& bell_;
  DiagnosticSink& diagnostics_;
  std::atomic<ImagePtr> image_;
  OnChange on_change_;
  runtime::Mutex taking_;
  ImageVersion served_;
  uint64_t known_as_ = 0;
  std::atomic<int64_t> answered_ns_{0};
  bool undecided_ = true;    // until they were read for the first time
  bool everything_ = false;  // what was sent did not fit: ask for all of it
};

}  // namespace godwit::cluster
