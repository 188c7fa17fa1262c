// Threads for work that blocks, so that it does not stop a shard.
//
//   const auto count = co_await on_pool(pool, [=] { return read_blocking(fd, position, into); });
//
// One pool for each lane: a stalled sync does not hold up reads.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/real/event_loop.h"

namespace godwit::runtime::real {

class WorkerPool {
 public:
  // What waits for a thread, is worked on, or is done. Shared by the pool and who asked.
  struct Job {
    enum class Stage { queued, running, ended };
    Callback work;
    Stage stage = Stage::queued;  // guarded by the pool's mutex
    // The rest is touched on the asking shard only.
    std::coroutine_handle<> waiter;
    bool abandoned = false;
  };

  WorkerPool(std::string name, size_t threads_max) : name_(std::move(name)), threads_max_(threads_max) {}
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Does `work` on one of the threads, soon. False, and the work is dropped, after stop(). From any thread.
  bool submit(Callback work);
  // Does `job->work` on one of the threads, then resumes `job->waiter` on `origin` unless abandoned.
  void submit(std::shared_ptr<Job> job, EventLoop& origin);
  // For a waiter that is destroyed: when this returns, the job is not worked on and will not be: what it
  // refers to may go. Waits for the end of one that has begun. On the asking shard.
  void abandon(Job& job);
  // Drops what has not begun, waits for what has, ends the threads.
  void stop();

 private:
  struct Entry {
    Callback work;             // without a job
    std::shared_ptr<Job> job;  // or with one
    EventLoop* origin = nullptr;
  };
  void enqueue(Entry entry);  // requires mutex_
  void serve();

  const std::string name_;
  const size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable changed_;  // something is queued, or the pool stops
  std::condition_variable ended_;    // a job has ended
  std::deque<Entry> backlog_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopped_ = false;
};

// Runs `work` on the pool and gives what it returns; in place where the shard may block.
template <class F>
Task<std::invoke_result_t<F&>> on_pool(WorkerPool& pool, F work);

namespace detail {

class JobAwaiter {
 public:
  JobAwaiter(WorkerPool& pool, Callback work) : pool_(pool), job_(std::make_shared<WorkerPool::Job>()) {
    job_->work = std::move(work);
  }
  JobAwaiter(const JobAwaiter&) = delete;
  JobAwaiter& operator=(const JobAwaiter&) = delete;
  ~JobAwaiter() {
    if (!resumed_) pool_.abandon(*job_);
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    job_->waiter = handle;
    pool_.submit(job_, EventLoop::here());
  }
  void await_resume() noexcept { resumed_ = true; }

 private:
  WorkerPool& pool_;
  std::shared_ptr<WorkerPool::Job> job_;
  bool resumed_ = false;
};

}  // namespace detail

template <class F>
Task<std::invoke_result_t<F&>> on_pool(WorkerPool& pool, F work) {
  if (EventLoop::here().blocking_files()) co_return work();
  std::optional<std::invoke_result_t<F&>> result;
  co_await detail::JobAwaiter(pool, [&result, &work] { result.emplace(work()); });
  co_return std::move(*result);
}

// One pool for each OpenOptions::Lane, one to look up names, where a dead server can hold a thread for long, and one for memory,
// which makes pages ready that nobody waits for.
struct WorkerPools {
  WorkerPool general;
  WorkerPool read;
  WorkerPool write_back;
  WorkerPool resolver;
  WorkerPool memory;
  void stop() {
    general.stop();
    read.stop();
    write_back.stop();
    resolver.stop();
    memory.stop();
  }
};

}  // namespace godwit::runtime::real
