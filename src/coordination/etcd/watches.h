// All watches of one client, over one stream to one endpoint. When the stream ends or falls silent another is opened, and
// each watch then says "changed": what happened in between is unknown, so everything is read again.
//
// On one shard.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "coordination/etcd/session.h"

namespace godwit::coordination::etcd {

// The end of the range of all keys that begin with `prefix`, which is not empty.
std::string end_of_prefix(std::string prefix);

class Watches {
 public:
  // Both must outlive it.
  Watches(Wire& wire, Session& session) : wire_(wire), session_(session) {}

  // One watch's state, shared by its holder and the stream's side.
  struct Watched {
    std::string prefix;
    // What happened before this revision was known when the watch was made; 0: nothing was known.
    int64_t start = 0;
    bool news = false;
    runtime::Condition arrived;
  };
  // Watches all keys of `prefix` (as it stands in etcd) until the last holder drops it and forget() is called.
  std::shared_ptr<Watched> add(std::string prefix, int64_t revision_known);
  void forget(const std::shared_ptr<Watched>& watched);

  // Keeps the stream up until stop(). Spawn it once.
  runtime::Task<void> run();
  // Wakes everybody who waits; run() ends soon.
  void stop();
  bool stopped() const { return stopped_; }

 private:
  struct Entry {
    std::shared_ptr<Watched> watched;
    bool on_stream = false;
    bool again = false;  // was on an earlier stream: its first sign on this one is news
  };
  void take_off_stream();
  void register_new(WatchStream& stream);
  // One stream from its beginning to its end. Whether it ever said something, and did not end by a refusal.
  runtime::Task<bool> follow(size_t endpoint);
  // False when the stream is of no more use.
  bool handle(const WatchNews& news, size_t endpoint);
  static void tell(Watched& watched);

  Wire& wire_;
  Session& session_;
  std::map<int64_t, Entry> entries_;
  std::vector<int64_t> to_cancel_;
  int64_t last_id_ = 0;
  // Rung by add(), forget(), stop() and, while a stream is open, by what it says.
  std::shared_ptr<WatchInbox> inbox_ = std::make_shared<WatchInbox>();
  bool stopped_ = false;
};

}  // namespace godwit::coordination::etcd
