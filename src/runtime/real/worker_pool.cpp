#include "runtime/real/worker_pool.h"

#include <csignal>

#include <pthread.h>

#include "runtime/real/thread_slice.h"

namespace godwit::runtime::real {

bool WorkerPool::submit(Callback work) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return false;
  enqueue({std::move(work), nullptr, nullptr});
  return true;
}

void WorkerPool::submit(std::shared_ptr<Job> job, EventLoop& origin) {
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    job->stage = Job::Stage::ended;  // nobody is resumed any more
    return;
  }
  enqueue({nullptr, std::move(job), &origin});
}

void WorkerPool::enqueue(Entry entry) {
  backlog_.push_back(std::move(entry));
  if (idle_ >= backlog_.size() || threads_.size() >= threads_max_) {
    changed_.notify_one();
    return;
  }
  threads_.emplace_back([this] { serve(); });
}

void WorkerPool::serve() {
  ::pthread_setname_np(::pthread_self(), name_.substr(0, 15).c_str());
  // Whoever started this thread may have others.
  ask_for_usual_slices();
  // Signals are for the threads that the program knows.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);

  std::unique_lock lock(mutex_);
  for (;;) {
    while (backlog_.empty()) {
      if (stopped_) return;
      ++idle_;
      changed_.wait(lock);
      --idle_;
    }
    Entry entry = std::move(backlog_.front());
    backlog_.pop_front();
    if (entry.job == nullptr) {
      lock.unlock();
      entry.work();
      entry.work = nullptr;
      lock.lock();
      continue;
    }
    Job& job = *entry.job;
    if (job.stage == Job::Stage::ended) continue;  // abandoned before it began
    job.stage = Job::Stage::running;
    lock.unlock();
    job.work();
    lock.lock();
    job.stage = Job::Stage::ended;
    ended_.notify_all();
    lock.unlock();
    entry.origin->post([done = std::move(entry.job)] {
      if (!done->abandoned) done->waiter.resume();
    });
    lock.lock();
  }
}

void WorkerPool::abandon(Job& job) {
  job.abandoned = true;
  std::unique_lock lock(mutex_);
  if (job.stage == Job::Stage::queued) job.stage = Job::Stage::ended;
  ended_.wait(lock, [&job] { return job.stage == Job::Stage::ended; });
}

void WorkerPool::stop() {
  std::vector<std::thread> threads;
  std::deque<Entry> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(backlog_);
    for (Entry& entry : dropped) {
      if (entry.job != nullptr) entry.job->stage = Job::Stage::ended;
    }
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace godwit::runtime::real
