// What is the real runtime's own: foreign threads, its end, peers that say nothing, names.
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <thread>
#include <vector>

#include "runtime/real/descriptor.h"
#include "runtime/real/real_world.h"
#include "runtime/stream.h"
#include "runtime/sync.h"

namespace godwit::runtime::contract {
namespace {

TEST(RealRuntime, it_gives_what_the_main_task_returns_and_stops_shards_that_are_busy_or_asleep) {
  RecordingSink diagnostics;
  const auto runtime = make_real_runtime({.shards = 3}, diagnostics);
  const int result = runtime->run([](Runtime& in) -> Task<int> {
    const auto spin = []() -> Task<void> {
      for (;;) co_await yield();
    };
    co_await in.shard(1).call([spin] { Shard::current()->spawn(spin()); });
    const auto tick = []() -> Task<void> {
      for (;;) co_await sleep_for(std::chrono::microseconds(50));
    };
    co_await in.add_shard({.name = "extra"}).call([tick] { Shard::current()->spawn(tick()); });
    co_return 42;
  }(*runtime));
  EXPECT_EQ(result, 42);
  EXPECT_TRUE(diagnostics.events.empty());
}

TEST(RealRuntime, one_that_never_ran_stops_too) {
  RecordingSink diagnostics;
  const auto runtime = make_real_runtime({}, diagnostics);
  EXPECT_EQ(runtime->shard_count(), runtime->machine().cores);
  bool ran = false;
  runtime->shard(0).post([&ran] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST(RealRuntime, pinned_shards_work) {
  RecordingSink diagnostics;
  const auto runtime = make_real_runtime({.shards = 3, .pin = true}, diagnostics);
  EXPECT_EQ(runtime->run([](Runtime& in) -> Task<int> {
    co_return co_await in.shard(2).call([] { return 5; });
  }(*runtime)),
            5);
}

// How many pages of the range the process has.
size_t resident_pages(MutableBytes range) {
  std::vector<unsigned char> pages(range.size() / 4096);
  if (::mincore(range.data(), range.size(), pages.data()) != 0) return 0;
  return static_cast<size_t>(
      std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

bool knows_populating() {
#ifdef MADV_POPULATE_WRITE
  return ::madvise(nullptr, 0, MADV_POPULATE_WRITE) == 0;
#else
  return false;
#endif
}

TEST(RealRuntime, memory_that_is_populated_becomes_resident_and_keeps_its_bytes_and_its_owner_meanwhile) {
  constexpr size_t kBytes = 64 * 4096;
  RecordingSink diagnostics;
  const auto runtime = make_real_runtime({.shards = 1}, diagnostics);
  auto* const mapped = static_cast<std::byte*>(
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(mapped), MAP_FAILED);
  const MutableBytes range(mapped, kBytes);
  range[5] = std::byte{7};
  std::promise<void> unowned;
  {
    const std::shared_ptr<void> owner(nullptr, [&unowned](void*) { unowned.set_value(); });
    runtime->populate(range, owner);
  }
  ASSERT_EQ(unowned.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready)
      << "who has done it lets the owner go";
  // A kernel before 5.14 knows no such advice: nothing happens then.
  EXPECT_EQ(resident_pages(range), knows_populating() ? kBytes / 4096 : 1);
  EXPECT_EQ(range[5], std::byte{7});
  EXPECT_EQ(range[6], std::byte{0});
  ::munmap(mapped, kBytes);
}

TEST(RealRuntime, posts_from_foreign_threads_arrive_each_in_its_order) {
  RealWorld world;
  world.run([](World& in) -> Task<void> {
    Shard& home = *Shard::current();
    constexpr int kThreads = 4;
    constexpr int kPosts = 5000;
    std::array<int, kThreads> last{};
    int left = kThreads * kPosts;
    bool in_order = true;
    Condition done;
    std::vector<std::thread> threads;
    for (size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        EXPECT_EQ(Shard::current(), nullptr);
        for (int i = 1; i <= kPosts; ++i) {
          home.post([&, t, i] {
            in_order &= last[t] + 1 == i && Shard::current() == &home;
            last[t] = i;
            if (--left == 0) done.notify_all();
          });
        }
      });
    }
    while (left > 0) co_await done.wait();
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(in_order);
    EXPECT_GE(in.runtime().shard_count(), 2u);
  }(world));
}

// A listening socket of the plain kind whose one place in the backlog is taken: a further connect gets no answer.
class DeafPort {
 public:
  DeafPort() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listening_.get(), 0), 0);
    EXPECT_EQ(::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    for (real::Descriptor& waiting : waiting_) {
      waiting = real::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(waiting.get(), reinterpret_cast<sockaddr*>(&at), size);
    }
  }
  uint16_t port() const { return port_; }

 private:
  real::Descriptor listening_;
  std::array<real::Descriptor, 4> waiting_;
  uint16_t port_ = 0;
};

TEST(RealRuntime, a_connect_that_is_not_answered_ends_at_its_timeout) {
  RealWorld world;
  world.run([](World& in) -> Task<void> {
    const DeafPort deaf;
    const MonotonicTime start = Shard::current()->now();
    const auto stream =
        co_await in.runtime().network().connect({"127.0.0.1", deaf.port()}, std::chrono::milliseconds(30));
    GW_EXPECT_ERROR(stream, ErrorKind::timed_out);
    EXPECT_GE(Shard::current()->now() - start, std::chrono::milliseconds(30));
    // A frame that is destroyed while it connects closes its socket.
    auto connecting = in.runtime().network().connect({"127.0.0.1", deaf.port()}, std::chrono::hours(1));
    connecting.start();
    EXPECT_FALSE(connecting.done());
  }(world));
}

TEST(RealRuntime, names_are_looked_up_and_unknown_ones_are_not_found) {
  RealWorld world;
  world.run([](World& in) -> Task<void> {
    Network& network = in.runtime().network();
    auto listener = co_await network.listen({"localhost", 0}, {});
    GW_REQUIRE_OK(listener);
    EXPECT_TRUE(co_await network.connect({"localhost", (*listener)->local().port}, std::chrono::seconds(20)));
    GW_EXPECT_ERROR(co_await network.listen({"192.0.2.1", 0}, {}), ErrorKind::invalid);
    GW_EXPECT_ERROR(co_await network.connect({"", 9}, std::chrono::seconds(1)), ErrorKind::invalid);
    // RFC 6761: never exists. Without a name server the answer is "not now".
    const auto unknown = co_await network.connect({"nowhere.invalid", 9}, std::chrono::seconds(20));
    EXPECT_TRUE(!unknown && (unknown.error().kind == ErrorKind::not_found ||
                             unknown.error().kind == ErrorKind::unavailable));
    // Dropped while it is looked up.
    auto dropped = network.connect({"nowhere.invalid", 9}, std::chrono::seconds(20));
    dropped.start();
  }(world));
}

TEST(RealRuntime, a_reset_by_the_peer_is_closed_for_reader_and_writer) {
  RealWorld world;
  world.run([](World& in) -> Task<void> {
    auto listener = co_await in.runtime().network().listen({"127.0.0.1", 0}, {});
    GW_REQUIRE_OK(listener);
    real::Descriptor raw(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((*listener)->local().port);
    GW_REQUIRE(::connect(raw.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    auto server = co_await (*listener)->accept();
    GW_REQUIRE_OK(server);
    const linger reset{.l_onoff = 1, .l_linger = 0};  // close sends a reset
    GW_REQUIRE(::setsockopt(raw.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    Shard::current()->post([&raw] { raw.reset(); });
    Bytes into(10);
    GW_EXPECT_ERROR(co_await (*server)->read_some(into), ErrorKind::closed);
    // And never looks like a clean end afterwards.
    GW_EXPECT_ERROR(co_await (*server)->read_some(into), ErrorKind::closed);
    const BytesView part = into;
    GW_EXPECT_ERROR(co_await (*server)->write_all({&part, 1}), ErrorKind::closed);
  }(world));
}

TEST(RealRuntime, one_connection_that_always_has_bytes_does_not_starve_the_others) {
  RealWorld world;
  world.run([](World& in) -> Task<void> {
    auto listener = co_await in.runtime().network().listen({"127.0.0.1", 0}, {});
    GW_REQUIRE_OK(listener);
    auto client = co_await in.runtime().network().connect((*listener)->local(), std::chrono::seconds(20));
    GW_REQUIRE_OK(client);
    auto server = co_await (*listener)->accept();
    GW_REQUIRE_OK(server);
    const Bytes much(100'000);
    const BytesView part = much;
    GW_REQUIRE(co_await (*client)->write_all({&part, 1}));
    bool others_ran = false;
    Shard::current()->post([&others_ran] { others_ran = true; });
    // Byte by byte there is always one more to read at once; the posted callback gets its turn all the same.
    size_t reads = 0;
    for (std::byte one[1]; !others_ran && reads < much.size(); ++reads) {
      GW_REQUIRE((co_await (*server)->read_some(one)).value_or(0) == 1);
    }
    EXPECT_TRUE(others_ran);
    EXPECT_LT(reads, 2000u);
  }(world));
}

TEST(RealRuntime, frames_that_refer_to_one_another_are_destroyed_in_any_order) {
  RealWorld world;
  world.run([](World& in) -> Task<void> {
    auto listener = co_await in.runtime().network().listen({"127.0.0.1", 0}, {});
    GW_REQUIRE_OK(listener);
    auto client = co_await in.runtime().network().connect((*listener)->local(), std::chrono::seconds(20));
    GW_REQUIRE_OK(client);
    struct Parts {
      std::unique_ptr<Stream> stream;
      Semaphore semaphore{1};
      Condition condition;
    };
    // The owner's frame goes first; those that only refer to what it owned go after it.
    const auto own = [](std::unique_ptr<Stream> stream, Parts** out) -> Task<void> {
      Parts parts;
      parts.stream = std::move(stream);
      *out = &parts;
      co_await sleep_for(std::chrono::hours(1));
    };
    Parts* parts = nullptr;
    Shard::current()->spawn(own(std::move(*client), &parts));
    const auto read = [](Parts& of) -> Task<void> {
      Bytes into(10);
      co_await of.stream->read_some(into);
    };
    const auto write = [](Parts& of) -> Task<void> {
      const Bytes much(64 << 20);
      const BytesView part = much;
      co_await of.stream->write_all({&part, 1});
    };
    const auto acquire = [](Parts& of) -> Task<void> {
      co_await of.semaphore.acquire(1);
      co_await sleep_for(std::chrono::hours(1));
    };
    const auto wait = [](Parts& of) -> Task<void> { co_await of.condition.wait(); };
    Shard::current()->spawn(read(*parts));
    Shard::current()->spawn(write(*parts));
    Shard::current()->spawn(acquire(*parts));
    Shard::current()->spawn(acquire(*parts));
    Shard::current()->spawn(wait(*parts));
    // Granted and notified, and never resumed: the shard ends before.
    parts->semaphore.release(1);
    parts->condition.notify_all();
  }(world));
}

}  // namespace
}  // namespace godwit::runtime::contract
