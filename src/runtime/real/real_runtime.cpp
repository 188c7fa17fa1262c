#include "runtime/real/real_runtime.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

#include "runtime/real/event_loop.h"
#include "runtime/real/machine.h"
#include "runtime/real/network.h"
#include "runtime/real/posix_file_system.h"
#include "runtime/real/thread_slice.h"
#include "runtime/real/worker_pool.h"

namespace godwit::runtime {
namespace real {
namespace {

// Binds the calling thread to the index-th processor that the process may use. False when refused.
bool pin_to(size_t index) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) == 0) return false;
  index %= static_cast<size_t>(CPU_COUNT(&allowed));
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || index-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return ::pthread_setaffinity_np(::pthread_self(), sizeof one, &one) == 0;
  }
  return false;
}

void populate_now(MutableBytes range) {
#ifdef MADV_POPULATE_WRITE
  // Since Linux 5.14. Unlike a store it cannot race with whoever uses the range already.
  (void)::madvise(range.data(), range.size(), MADV_POPULATE_WRITE);
#else
  (void)range;
#endif
}

Machine prepare_process() {
  // A peer that goes away is an error of one connection, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  Machine machine = read_machine("");
  machine.descriptors_max = raise_descriptor_limit();
  return machine;
}

class RuntimeOfThreads final : public RealRuntime {
 public:
  RuntimeOfThreads(RealOptions options, DiagnosticSink& diagnostics)
      : machine_(prepare_process()),
        diagnostics_(diagnostics),
        pools_{.general = {"files", options.file_threads_general},
               .read = {"files-read", options.file_threads_read},
               .write_back = {"files-write", options.file_threads_write_back},
               .resolver = {"resolver", 4},
               .memory = {"memory", 1}},
        files_(pools_),
        network_(pools_.resolver),
        shard_count_(options.shards > 0 ? options.shards : machine_.cores),
        pin_(options.pin) {
    for (size_t i = 0; i < shard_count_; ++i) {
      loops_.emplace_back("shard-" + std::to_string(i), false);
      if (i > 0) start_thread(loops_.back(), pin_ ? std::optional(i) : std::nullopt);
    }
  }
  ~RuntimeOfThreads() override { stop(); }

  int run(Task<int> main_task) override {
    GW_CHECK(!ran_ && Shard::current() == nullptr, "a runtime runs once, on a thread of its caller");
    ran_ = true;
    int result = 0;
    ask_for_short_slices();
    EventLoop& home = loops_.front();
    home.post([&] { home.spawn(run_main(std::move(main_task), result, home)); });
    home.loop();
    ask_for_usual_slices();
    stop();
    return result;
  }

  size_t shard_count() const override { return shard_count_; }
  Shard& shard(size_t index) override {
    GW_CHECK(index < shard_count_, "there is such a shard");
    const std::lock_guard lock(mutex_);
    return loops_[index];
  }
  Shard& add_shard(ShardOptions options) override {
    const std::lock_guard lock(mutex_);
    EventLoop& loop = loops_.emplace_back(std::move(options.name), options.blocking_files);
    start_thread(loop, std::nullopt);
    return loop;
  }
  Network& network() override { return network_; }
  FileSystem& files() override { return files_; }
  const Machine& machine() const override { return machine_; }
  void populate(MutableBytes range, std::shared_ptr<const void> owner) override {
    // Whoever writes faster than memory can be made ready overtakes it anyway: no more than this waits.
    if (populating_.use_count() > static_cast<long>(shard_count_)) return;
    pools_.memory.submit([range, owner = std::move(owner), under_way = populating_] { populate_now(range); });
  }

 private:
  static Task<void> run_main(Task<int> main_task, int& result, EventLoop& home) {
    result = co_await main_task;
    home.stop();
  }

  void start_thread(EventLoop& loop, std::optional<size_t> core) {
    threads_.emplace_back([this, &loop, core] {
      ::pthread_setname_np(::pthread_self(), loop.name().substr(0, 15).c_str());
      ask_for_short_slices();
      if (core && !pin_to(*core)) {
        diagnostics_.emit({Severity::warning,
                           "runtime.not_pinned",
                           "the system refused to bind a shard's thread to a core",
                           {{"shard", loop.name()}}});
      }
      loop.loop();
    });
  }

  // Threads first, so that nothing runs while frames are destroyed: these may refer to one another.
  void stop() {
    for (EventLoop& loop : loops_) loop.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    pools_.stop();
    std::for_each(loops_.rbegin(), loops_.rend(), [](EventLoop& loop) { loop.tear_down(); });
  }

  const Machine machine_;
  DiagnosticSink& diagnostics_;
  WorkerPools pools_;
  PosixFileSystem files_;
  TcpNetwork network_;
  const size_t shard_count_;
  const bool pin_;
  std::mutex mutex_;             // guards the two below while shards are added
  std::deque<EventLoop> loops_;  // never moved
  std::vector<std::thread> threads_;
  bool ran_ = false;
  const std::shared_ptr<int> populating_ =
      std::make_shared<int>();  // shared by each populate that has not ended
};

}  // namespace
}  // namespace real

std::unique_ptr<RealRuntime> make_real_runtime(RealOptions options, DiagnosticSink& diagnostics) {
  return std::make_unique<real::RuntimeOfThreads>(options, diagnostics);
}

}  // namespace godwit::runtime
