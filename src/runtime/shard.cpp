#include "runtime/shard.h"

namespace godwit::runtime {
namespace {

thread_local Shard* current_shard = nullptr;

}  // namespace

Shard* Shard::current() {
  return current_shard;
}

Shard::Enter::Enter(Shard* shard) : before_(current_shard) {
  current_shard = shard;
}
Shard::Enter::~Enter() {
  current_shard = before_;
}

// The frame of a spawned task: it is listed by its shard while it lives and destroys itself at its end.
struct Shard::Root {
  struct promise_type : ListNode {
    Shard& shard;
    promise_type(Shard& s, Task<void>&) : shard(s) {
      shard.roots_.push_back(*this);
      ++shard.spawned_count_;
    }
    ~promise_type() { --shard.spawned_count_; }
    Root get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    // Not suspend_never: where the body ends with an await, clang-16 then drops all that follows the resumption
    // (from -O1 on), and the frame stays for ever.
    struct DestroyAtEnd {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept { self.destroy(); }
      void await_resume() const noexcept {}
    };
    DestroyAtEnd final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept {
      check_failed(__FILE__, __LINE__, "no exception leaves a task", detail::PromiseBase::describe_current());
    }
  };
  std::coroutine_handle<promise_type> handle;
};

Shard::Root Shard::run_root(Shard&, Task<void> task) {
  co_await task;
}

Shard::~Shard() {
  GW_CHECK(roots_.empty(), "an implementation destroys what was spawned before its base");
}

void Shard::spawn(Task<void> task) {
  GW_CHECK(current_shard == this, "a task is spawned on its own shard; from elsewhere post or call");
  run_root(*this, std::move(task)).handle.resume();
}

void ReadyNode::wait(std::coroutine_handle<> handle) {
  handle_ = handle;
  shard_ = current_shard;
}

void Shard::make_ready(ReadyNode& node) {
  GW_CHECK(node.shard_ == this, "who waits is resumed on the shard on which it waits");
  const bool first = ready_.empty();
  ready_.push_back(node);
  if (first) request_run_ready();
}

bool Shard::run_ready() {
  if (ready_.empty()) return false;
  List now;
  now.take_all(ready_);
  while (ListNode* node = now.front()) {
    node->unlink();
    static_cast<ReadyNode*>(node)->handle_.resume();
  }
  return true;
}

void Shard::destroy_spawned() {
  const Enter enter(this);
  while (ListNode* node = roots_.front()) {
    auto& promise = static_cast<Root::promise_type&>(*node);
    std::coroutine_handle<Root::promise_type>::from_promise(promise).destroy();
  }
}

void Timer::start(MonotonicTime when, Callback callback) {
  stop();
  callback_ = std::move(callback);
  when_ = when;
  pending_ = true;
  shard_.timer_start(*this, when);
}

void Timer::stop() {
  if (!pending_) return;
  pending_ = false;
  shard_.timer_stop(*this);
  callback_ = nullptr;
}

void Timer::fire() {
  GW_CHECK(pending_, "a stopped timer does not fire");
  pending_ = false;
  // The callback may start the timer again or destroy it: nothing of it is touched afterwards.
  Callback callback = std::move(callback_);
  callback();
}

namespace {

struct SleepAwaiter {
  Timer timer;
  MonotonicTime when;
  SleepAwaiter(Shard& shard, MonotonicTime at) : timer(shard), when(at) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    timer.start(when, [handle] { handle.resume(); });
  }
  void await_resume() const noexcept {}
};

struct YieldAwaiter {
  ReadyNode node;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    node.wait(handle);
    Shard::current()->make_ready(node);
  }
  void await_resume() const noexcept {}
};

Shard& here() {
  Shard* const shard = Shard::current();
  GW_CHECK(shard != nullptr, "only what runs on a shard can wait");
  return *shard;
}

}  // namespace

Task<void> sleep_until(MonotonicTime when) {
  co_await SleepAwaiter(here(), when);
}

Task<void> sleep_for(Duration duration) {
  co_await SleepAwaiter(here(), here().now() + duration);
}

Task<void> yield() {
  co_await YieldAwaiter();
}

}  // namespace godwit::runtime
