// The thread on which one handle of ZooKeeper's C client lives. Nobody else touches the handle, so that we alone decide when
// it may speak to the server: the client pings only from inside a call that this thread makes.
//
// Used by Session alone. Its functions may be called from any thread but its own.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "coordination/zookeeper/names.h"
#include "coordination/zookeeper/requests.h"
#include "runtime/sync.h"

namespace godwit::coordination::zookeeper {

// Requests that are sent in one go, answered in their order.
struct Batch {
  std::vector<Request> requests;
  // The thread's until the notice that it is answered.
  std::vector<Reply> replies;
  // The shard's.
  bool answered = false;
  runtime::Condition arrived;
};

struct Notice {
  enum class Kind {
    answered,   // batch
    connected,  // session_id, timeout
    disconnected,
    ended,         // the session expired (a renewed one begins anew by itself)
    node_changed,  // path: a watch fired
    stopped,       // the last one: the handle is gone
  };
  Kind kind;
  std::shared_ptr<Batch> batch{};
  int64_t session_id = 0;
  Duration timeout{};
  std::string path{};
};

struct SessionOptions {
  std::shared_ptr<Names> names;  // of the servers; shared by all sessions with them
  Duration timeout;              // asked of the server
  bool renewed = true;           // begins a new session when the server ended the old one
  std::string credentials;       // "user:password" for the scheme digest; empty: none
};

class SessionThread {
 public:
  // Called on the thread, in order; must not block.
  using Notify = std::function<void(Notice)>;

  SessionThread(SessionOptions options, Notify notify);
  // Stops as by stop(false), and waits for the thread's end.
  ~SessionThread();
  SessionThread(const SessionThread&) = delete;
  SessionThread& operator=(const SessionThread&) = delete;

  // Sends the requests; a notice says when all are answered (each reply says whether it was sent at all).
  void submit(std::shared_ptr<Batch> batch);
  // The handle may speak to the server until `duration` from now: beyond, not even pings are sent, so that the server
  // ends the session. Replaces what was allowed before. Unbounded until the first call.
  void serve_for(Duration duration);
  // Lets the handle go: `ending`, the server is told that the session ends; else its nodes stay until the timeout, as
  // after a crash. The first call counts. Does not wait: Notice::stopped tells.
  void stop(bool ending);

 private:
  struct Inbox {
    std::vector<std::shared_ptr<Batch>> batches;
    bool stop = false;
    bool ending = false;
    MonotonicTime serve_until = MonotonicTime::max();
  };
  void run(const SessionOptions& options);
  Inbox take();
  void wake();

  Notify notify_;
  int wake_event_;
  std::mutex mutex_;
  Inbox inbox_;
  std::thread thread_;
};

}  // namespace godwit::coordination::zookeeper
