#include "coordination/etcd/managed/door.h"

#include "runtime/contract/world.h"
#include "runtime/sim/node.h"
#include "runtime/sim/world.h"

namespace godwit::coordination::etcd {
namespace {

using runtime::Endpoint;
using runtime::Runtime;
using runtime::Task;

constexpr uint16_t kPort = 2380;
constexpr Duration kTimeout = std::chrono::milliseconds(500);

MemberState state_of(int broker) {
  MemberState state{BrokerId(broker), "managed-etcd://1@a:2379", "main", {}, {}};
  state.nonce.bytes.fill(static_cast<std::byte>(broker));
  return state;
}

TEST(Door, WhoAsksHearsTheStateAndAfterItsCloseNothing) {
  runtime::sim::World world(5);
  auto& a = world.add_node("a");
  auto& b = world.add_node("b");
  bool opened = false;
  bool heard = false;
  a.start([&](Runtime& runtime) -> Task<void> {
    auto door = co_await Door::open(runtime.network(), {"", kPort});
    GW_REQUIRE_OK(door);
    runtime.shard(0).spawn((*door)->serve([] { return state_of(1); }));
    opened = true;
    while (!heard) co_await runtime::sleep_for(std::chrono::milliseconds(10));
    co_await (*door)->close();
    co_await runtime::yield();
    auto again = co_await Door::open(runtime.network(), {"", kPort});
    EXPECT_TRUE(again) << "the port is free for etcd";
  });
  ASSERT_TRUE(world.run_until([&] { return opened; }));
  ASSERT_TRUE(b.run([&](Runtime& runtime) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const Heard said = co_await ask_door(runtime.network(), {"a", kPort}, kTimeout);
      GW_REQUIRE(std::holds_alternative<MemberState>(said));
      EXPECT_EQ(std::get<MemberState>(said), state_of(1));
    }
    EXPECT_TRUE(
        std::holds_alternative<Silence>(co_await ask_door(runtime.network(), {"a", kPort + 1}, kTimeout)));
    heard = true;
  }));
}

// Answers each connection with `text`, or not at all.
Task<void> impersonate(Runtime& runtime, std::string text, bool& listens) {
  auto listener = co_await runtime.network().listen({"", kPort}, {});
  GW_REQUIRE_OK(listener);
  listens = true;
  for (;;) {
    auto stream = co_await (*listener)->accept();
    GW_REQUIRE_OK(stream);
    // What was not read would reset the connection, and the answer with it.
    std::string request;
    while (!request.ends_with("\r\n\r\n")) {
      std::array<std::byte, 512> part;
      const auto count = co_await (*stream)->read_some(part);
      GW_REQUIRE(count && *count > 0);
      request += as_text(BytesView(part.data(), *count));
    }
    if (text == "hang up") continue;
    if (text.empty()) {
      co_await runtime::sleep_for(std::chrono::hours(1));
      continue;
    }
    const BytesView part = as_bytes(text);
    (void)co_await (*stream)->write_all({&part, 1});
    (*stream)->shutdown_write();
  }
}

// What is heard where something answers with `text`.
Heard heard_from(const std::string& text) {
  runtime::sim::World world(5);
  auto& a = world.add_node("a");
  auto& b = world.add_node("b");
  bool listens = false;
  a.start([&](Runtime& runtime) -> Task<void> { co_await impersonate(runtime, text, listens); });
  EXPECT_TRUE(world.run_until([&] { return listens; }));
  Heard heard;
  EXPECT_TRUE(b.run([&](Runtime& runtime) -> Task<void> {
    heard = co_await ask_door(runtime.network(), {"a", kPort}, kTimeout);
  }));
  return heard;
}

TEST(Door, AnEtcdIsSomethingElseAndWhatSaysNothingIsSilence) {
  EXPECT_TRUE(std::holds_alternative<SomethingElse>(
      heard_from("HTTP/1.0 404 Not Found\r\n\r\n404 page not found\n")));
  EXPECT_TRUE(std::holds_alternative<SomethingElse>(
      heard_from("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")));
  EXPECT_TRUE(std::holds_alternative<Silence>(heard_from("")));
  EXPECT_TRUE(std::holds_alternative<Mute>(heard_from("hang up")));
  EXPECT_TRUE(std::holds_alternative<Silence>(heard_from("SSH-2.0-x\r\n")));
  EXPECT_TRUE(std::holds_alternative<Mute>(heard_from(std::string(100'000, 'x')))) << "more than is read";
  const std::string cut =
      "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + to_text(state_of(1)).substr(0, 40);
  EXPECT_TRUE(std::holds_alternative<Silence>(heard_from(cut))) << "cut off: not taken for an etcd";
}

}  // namespace
}  // namespace godwit::coordination::etcd
