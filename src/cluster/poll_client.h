// Keeps this broker's image the newest: asks the controller for what changed, has it taken over, and acknowledges it with the next
// question once that is done. Without a controller the last image stays.
//
// It *knows* an image as soon as it was told of it, and *serves* it once the callback for it, and those for all images before it,
// have returned. It goes on asking meanwhile: a partition whose disk is slow holds up neither the broker's life (who does not ask
// for a session timeout loses what it leads) nor later images for the other partitions.
//
// What always holds:
//   - images that are known follow one another; callbacks begin in that order, and several may be under way
//   - served() <= image()->version; only what is served is acknowledged, so a tombstone is kept until no callback needs it
//   - known_as() names an incarnation only once an image is served that is from after the controller knew it: who joins has made
//     the logs of what that image gives it, or has failed to
//
// Belongs to shard 0; image() may be asked on any shard.
#pragma once

#include <atomic>
#include <deque>
#include <functional>

#include "cluster/controller_link.h"
#include "cluster/registration.h"
#include "cluster/shared_value.h"

namespace godwit::cluster {

class PollClient {
 public:
  using OnChange = std::function<runtime::Task<void>(ImagePtr before, ImagePtr after)>;

  PollClient(Registration& registration, ControllerLink& link, Bell& bell, DiagnosticSink& diagnostics);

  // Until the bell is closed. The bell rings with each image, and with each that is served.
  runtime::Task<void> run();
  // Returns when no callback is under way; nothing is taken over afterwards. After run() has returned.
  runtime::Task<void> finish() { return serving_gate_.close(); }

  // What another broker knows, which is not the controller: taken where it is newer. It is no answer of a controller.
  void learn(kafka::ClusterPollResponse news);

  ImagePtr image() const { return image_.load(); }
  void on_change(OnChange callback) { on_change_ = std::move(callback); }
  // The state that this broker serves: the callbacks up to it have returned.
  ImageVersion served() const { return served_; }
  // The last incarnation of which a served image is from after the controller knew it; 0: none yet.
  uint64_t known_as() const { return known_as_; }
  // Whether a controller answered within that time before `now`. Any shard.
  bool answered_within(Duration duration, MonotonicTime now) const;
  // Whether the controller is to keep the tombstones, since this broker could not read them.
  void set_undecided(bool undecided) { undecided_ = undecided; }
  // Waits until this broker serves `version`, or `patience` is over.
  runtime::Task<void> reached(ImageVersion version, Duration patience);
  void close() { on_change_ = nullptr; }

 private:
  // What a question said of this broker's state.
  struct Asked {
    uint64_t incarnation = 0;
    ImageVersion served;
    ImageVersion known;
  };
  struct Serving {
    ImageVersion version;
    bool done = false;
  };

  kafka::ClusterPollRequest next_question(Asked& asked) const;
  // Error: what is wrong with the answer.
  Result<void> take(const Asked& asked, kafka::ClusterPollResponse answer);
  // `base` is the state from which a difference leads on.
  Result<void> take_image(ImageVersion base, const kafka::ClusterPollResponse& answer);
  void serve(ImagePtr before, ImagePtr after);
  runtime::Task<void> call(OnChange callback, ImagePtr before, ImagePtr after);
  void note_served();
  void note_known_as();
  // Waits until all that is known is served, or `patience` is over.
  runtime::Task<void> wait_to_serve(Duration patience);
  runtime::Task<void> pause(uint64_t generation, Duration pause);

  Registration& registration_;
  ControllerLink& link_;
  Bell& bell_;
  DiagnosticSink& diagnostics_;
  SharedValue<Image> image_;
  OnChange on_change_;
  // Images that are known and not served, in their order. Those that are done wait for the ones before them.
  std::deque<Serving> serving_;
  runtime::Gate serving_gate_;
  ImageVersion served_;
  uint64_t known_as_ = 0;
  // Which incarnation the controller answered last, and what was known by the first such answer.
  uint64_t answered_as_ = 0;
  ImageVersion answered_with_;
  std::atomic<int64_t> answered_ns_{0};
  bool undecided_ = true;    // until they were read for the first time
  bool everything_ = false;  // what was sent did not fit: ask for all of it
};

}  // namespace godwit::cluster
