#include "coordination/zookeeper/session_thread.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "coordination/zookeeper/client_handle.h"

namespace godwit::coordination::zookeeper {
namespace {

constexpr Duration kWaitMax = std::chrono::milliseconds(500);
// How often a session that has no server yet looks whether the names are known now.
constexpr Duration kNamesAwaited = std::chrono::milliseconds(10);
// How many session timeouts without a connection until a renewed session is begun anew.
constexpr int kTimeoutsUntilNew = 2;

// Counts suspend: a machine that slept must not think its permission to speak is still good.
MonotonicTime boot_now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return MonotonicTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

// What the thread remembers between its rounds.
class Rounds {
 public:
  using Notify = SessionThread::Notify;
  Rounds(const SessionOptions& options, const Notify& notify, int wake_event)
      : options_(options), notify_(notify), wake_event_(wake_event) {}

  void submit(std::vector<std::shared_ptr<Batch>> batches) {
    for (auto& batch : batches) {
      if (handle_ && !silent_) {
        handle_->submit(std::move(batch));
      } else {
        Reply reply{.error = over_ ? NodeError::session_ended : NodeError::not_sent};
        batch->replies.assign(batch->requests.size(), reply);
        notify_({.kind = Notice::Kind::answered, .batch = std::move(batch)});
      }
    }
  }

  // Waits for something to do, at most until the permission to speak ends, and does it.
  void round(MonotonicTime serve_until) {
    const MonotonicTime now = boot_now();
    if (!handle_ && !over_) open(now);
    ClientHandle::Interest interest{.wait = over_ ? kWaitMax : open_again_ - now};
    set_silent(handle_ && now >= serve_until, now);
    if (silent_) {
      // Looks whether the server hung up, and reads nothing.
      interest = {.socket = hung_up_ ? -1 : handle_->socket(), .events = POLLRDHUP, .wait = kSilentRound};
    } else if (handle_) {
      interest = handle_->prepare();
      if (serve_until != MonotonicTime::max()) interest.wait = std::min(interest.wait, serve_until - now);
    }
    pollfd waiting[2] = {{.fd = wake_event_, .events = POLLIN, .revents = 0},
                         {.fd = interest.socket, .events = interest.events, .revents = 0}};
    const auto wait_ms =
        std::chrono::ceil<std::chrono::milliseconds>(std::clamp(interest.wait, Duration::zero(), kWaitMax))
            .count();
    ::poll(waiting, 2, static_cast<int>(wait_ms));
    if (waiting[0].revents != 0) {
      uint64_t count = 0;
      (void)!::read(wake_event_, &count, sizeof count);
    }
    if (silent_) {
      hung_up_ = hung_up_ || waiting[1].revents != 0;
    } else if (handle_) {
      handle_->process(waiting[1].revents);
      observe(boot_now());
    }
  }

  void close(bool ending) {
    if (handle_) handle_->close(ending && connected_ && !silent_);
    handle_.reset();
  }

 private:
  static constexpr Duration kSilentRound = std::chrono::milliseconds(20);

  void open(MonotonicTime now) {
    if (now < open_again_) return;
    // Beside: whoever is known is asked meanwhile.
    options_.names->look_up();
    open_again_ = now + (options_.names->looking_up() ? kNamesAwaited : kWaitMax);
    addresses_ = options_.names->addresses();
    if (!addresses_.empty()) handle_ = ClientHandle::open(addresses_, options_, notify_);
    was_connected_ = false;
  }

  void end(MonotonicTime now) {
    if (std::exchange(connected_, false)) notify_({.kind = Notice::Kind::disconnected});
    handle_->close(false);
    handle_.reset();
    silent_ = asking_ = false;
    over_ = !options_.renewed;
    open_again_ = now;
    notify_({.kind = Notice::Kind::ended});
  }

  void seek(MonotonicTime now) {
    // A server refuses who has seen a later state than it has, and one that came back empty or from a backup does so for
    // ever. Nothing hangs on a session that is renewed and must have expired by now.
    if (options_.renewed && was_connected_ && now - apart_since_ >= options_.timeout * kTimeoutsUntilNew) {
      end(now);
      return;
    }
    options_.names->look_up();
    auto addresses = options_.names->addresses();
    if (!addresses.empty() && addresses != addresses_)
      handle_->use_servers(addresses_ = std::move(addresses));
  }

  // Without permission nothing is read or sent, and the server ends the session after its timeout. To learn of that, the
  // handle speaks again once it must have happened: the timeout is over and the server hung up, or twice the timeout is
  // over. Should the session live all the same, it is silent again.
  void set_silent(bool wanted, MonotonicTime now) {
    if (!wanted) {
      silent_ = asking_ = false;
      return;
    }
    if (asking_) return;
    if (!silent_) {
      silent_ = true;
      hung_up_ = false;
      silent_since_ = now;
      return;
    }
    if (now - silent_since_ >= handle_->timeout() * (hung_up_ ? 1 : 2)) {
      silent_ = false;
      asking_ = true;
      asking_saw_apart_ = false;
    }
  }

  void observe(MonotonicTime now) {
    switch (handle_->state()) {
      case ClientHandle::State::connected:
        was_connected_ = true;
        if (!std::exchange(connected_, true)) {
          notify_({.kind = Notice::Kind::connected,
                   .session_id = handle_->session_id(),
                   .timeout = handle_->timeout()});
        }
        // The session outlived the silence (the server that hung up was not the one that ends it).
        if (asking_ && asking_saw_apart_) asking_ = false;
        break;
      case ClientHandle::State::connecting:
        asking_saw_apart_ = true;
        if (std::exchange(connected_, false)) {
          apart_since_ = now;
          notify_({.kind = Notice::Kind::disconnected});
        }
        seek(now);
        break;
      case ClientHandle::State::expired:
        end(now);
        break;
    }
  }

  const SessionOptions& options_;
  const Notify& notify_;
  int wake_event_;
  std::unique_ptr<ClientHandle> handle_;
  std::string addresses_;
  MonotonicTime open_again_ = MonotonicTime::min();
  MonotonicTime apart_since_{};
  bool was_connected_ = false;  // by this handle
  bool connected_ = false;
  bool over_ = false;
  bool silent_ = false;
  bool hung_up_ = false;
  MonotonicTime silent_since_{};
  bool asking_ = false;
  bool asking_saw_apart_ = false;
};

}  // namespace

SessionThread::SessionThread(SessionOptions options, Notify notify)
    : notify_(std::move(notify)), wake_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  GW_CHECK(wake_event_ >= 0, "an event descriptor is there for each session");
  thread_ = std::thread([this, options = std::move(options)] { run(options); });
  ::pthread_setname_np(thread_.native_handle(), "zookeeper");
}

SessionThread::~SessionThread() {
  stop(false);
  thread_.join();
  ::close(wake_event_);
}

void SessionThread::submit(std::shared_ptr<Batch> batch) {
  {
    const std::scoped_lock lock(mutex_);
    inbox_.batches.push_back(std::move(batch));
  }
  wake();
}

void SessionThread::serve_for(Duration duration) {
  const MonotonicTime until = boot_now() + duration;
  {
    const std::scoped_lock lock(mutex_);
    inbox_.serve_until = until;
  }
  wake();
}

void SessionThread::stop(bool ending) {
  {
    const std::scoped_lock lock(mutex_);
    if (inbox_.stop) return;
    inbox_.stop = true;
    inbox_.ending = ending;
  }
  wake();
}

void SessionThread::wake() {
  const uint64_t one = 1;
  (void)!::write(wake_event_, &one, sizeof one);
}

SessionThread::Inbox SessionThread::take() {
  const std::scoped_lock lock(mutex_);
  Inbox taken{.batches = std::move(inbox_.batches),
              .stop = inbox_.stop,
              .ending = inbox_.ending,
              .serve_until = inbox_.serve_until};
  inbox_.batches.clear();
  return taken;
}

void SessionThread::run(const SessionOptions& options) {
  Rounds rounds(options, notify_, wake_event_);
  for (;;) {
    Inbox inbox = take();
    rounds.submit(std::move(inbox.batches));
    if (inbox.stop) {
      rounds.close(inbox.ending);
      break;
    }
    rounds.round(inbox.serve_until);
  }
  // What was submitted meanwhile finds no handle.
  rounds.submit(take().batches);
  notify_({.kind = Notice::Kind::stopped});
}

}  // namespace godwit::coordination::zookeeper
