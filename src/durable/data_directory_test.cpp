#include "durable/data_directory.h"

#include "durable/durable_testing.h"
#include "durable/two_copy_file.h"

namespace godwit::durable {
namespace {

const std::string kPath = "/var/lib/godwit";

Task<Result<std::unique_ptr<DataDirectory>>> open_directory(Runtime& runtime, RecordingSink& sink,
                                                            int32_t broker = 1,
                                                            std::optional<Uuid> cluster = std::nullopt) {
  co_return co_await DataDirectory::open(runtime.files(),
                                         {.path = kPath, .broker_id = broker, .cluster_id = cluster},
                                         runtime.shard(0).random(), sink);
}

struct Tried {
  std::string kind;  // "none" when it is well
  std::string text;
  Identity identity;
  bool fresh = false;
  std::string set_aside;
  bool said = false;  // that there was no identity
};

// Opens and closes it.
Task<Tried> try_open(Runtime& runtime, int32_t broker = 1, std::optional<Uuid> cluster = std::nullopt) {
  RecordingSink sink;
  auto directory = co_await open_directory(runtime, sink, broker, cluster);
  Tried out;
  out.kind = kind_of(directory);
  out.said = sink.contains("data_directory.no_identity");
  if (!directory) {
    out.text = directory.error().message;
    co_return out;
  }
  out.identity = (*directory)->identity();
  out.fresh = (*directory)->is_fresh();
  out.set_aside = (*directory)->set_aside();
  co_return out;
}

void on_node(uint64_t seed, std::function<Task<void>(Runtime&, Node&)> test) {
  World world(seed);
  Node& node = world.add_node("a");
  ASSERT_TRUE(node.run([&](Runtime& runtime) -> Task<void> { co_await test(runtime, node); }));
}

TEST(DataDirectory, IsMadeOnceAndKeepsItsIdentity) {
  on_node(1, [](Runtime& runtime, Node&) -> Task<void> {
    const Tried first = co_await try_open(runtime);
    EXPECT_EQ(first.kind, "none");
    EXPECT_TRUE(first.fresh);
    EXPECT_FALSE(first.said);
    EXPECT_FALSE(first.identity.storage_id.is_zero());
    const Tried second = co_await try_open(runtime, 1, first.identity.cluster_id);
    EXPECT_FALSE(second.fresh);
    EXPECT_EQ(second.identity.storage_id, first.identity.storage_id);
    EXPECT_EQ(second.identity.cluster_id, first.identity.cluster_id);
  });
}

TEST(DataDirectory, OfAnotherNodeIsRefused) {
  on_node(2, [](Runtime& runtime, Node&) -> Task<void> {
    const Tried mine = co_await try_open(runtime, 1);
    const Tried broker = co_await try_open(runtime, 2);
    EXPECT_EQ(broker.kind, "invalid");
    EXPECT_NE(broker.text.find("belongs to broker 1, and this is broker 2"), std::string::npos)
        << broker.text;
    const Tried cluster =
        co_await try_open(runtime, 1, Uuid::from_random(runtime.shard(0).random().bytes16()));
    EXPECT_EQ(cluster.kind, "invalid");
    EXPECT_NE(cluster.text.find("belongs to cluster " + to_string(mine.identity.cluster_id)),
              std::string::npos);
    EXPECT_EQ((co_await try_open(runtime, 1)).identity.storage_id, mine.identity.storage_id);
  });
}

TEST(DataDirectory, InUseIsRefused) {
  on_node(3, [](Runtime& runtime, Node&) -> Task<void> {
    RecordingSink sink;
    auto holder = co_await open_directory(runtime, sink);
    EXPECT_TRUE(holder);
    const Tried second = co_await try_open(runtime);
    EXPECT_EQ(second.kind, "conflict");
    EXPECT_NE(second.text.find("in use"), std::string::npos);
    EXPECT_NE(second.text.find("process"), std::string::npos) << second.text;
    holder->reset();
    EXPECT_EQ((co_await try_open(runtime)).kind, "none");
  });
}

TEST(DataDirectory, ReadOnlyIsRefusedWithWhatToDo) {
  on_node(4, [](Runtime& runtime, Node& node) -> Task<void> {
    node.disk().set_read_only(true);
    const Tried tried = co_await try_open(runtime);
    EXPECT_EQ(tried.kind, "permission");
    EXPECT_NE(tried.text.find("write access"), std::string::npos) << tried.text;
  });
}

TEST(DataDirectory, OfANewerFormatIsRefusedAndNotChanged) {
  on_node(5, [](Runtime& runtime, Node& node) -> Task<void> {
    (void)co_await try_open(runtime);
    TwoCopyFile newer(runtime.files(), kPath + "/identity", {"godwit-d", 2});
    EXPECT_TRUE(co_await newer.read());
    EXPECT_TRUE(co_await newer.write({}));
    const auto before = node.disk().files();
    const Tried tried = co_await try_open(runtime);
    EXPECT_EQ(tried.kind, "unsupported");
    EXPECT_NE(tried.text.find("newer version"), std::string::npos);
    EXPECT_EQ(node.disk().files(), before);
  });
}

TEST(DataDirectory, WithForeignContentIsRefused) {
  on_node(6, [](Runtime& runtime, Node& node) -> Task<void> {
    node.disk().install(kPath + "/thesis.tex", as_bytes("chapter 1"));
    node.disk().install(kPath + "/topics/x", as_bytes("y"));
    const Tried tried = co_await try_open(runtime);
    EXPECT_EQ(tried.kind, "invalid");
    EXPECT_NE(tried.text.find("\"thesis.tex\""), std::string::npos) << tried.text;
    EXPECT_TRUE(node.disk().contents(kPath + "/topics/x"));
  });
}

TEST(DataDirectory, WithoutIdentityIsEmptyAndWhatWasInItIsPutAside) {
  on_node(7, [](Runtime& runtime, Node& node) -> Task<void> {
    node.disk().install(kPath + "/topics/t/0/1.log", as_bytes("records"));
    node.disk().install(kPath + "/checkpoint.a", as_bytes("state"));
    node.disk().install(kPath + "/lost+found/x", as_bytes(""));
    const Tried tried = co_await try_open(runtime);
    EXPECT_EQ(tried.kind, "none") << tried.text;
    EXPECT_TRUE(tried.fresh);
    EXPECT_TRUE(tried.said);
    EXPECT_EQ(tried.set_aside, kPath + "/set-aside-1");
    EXPECT_EQ(*node.disk().durable_contents(tried.set_aside + "/topics/t/0/1.log"), to_bytes("records"));
    EXPECT_FALSE(node.disk().contents(kPath + "/checkpoint.a"));
    EXPECT_FALSE((co_await try_open(runtime)).fresh);
  });
}

TEST(DataDirectory, OneRottenCopyOfTheIdentityIsMended) {
  on_node(8, [](Runtime& runtime, Node& node) -> Task<void> {
    const Tried first = co_await try_open(runtime);
    EXPECT_TRUE(node.disk().flip_bit(kPath + "/identity.b", 20, 1));
    EXPECT_EQ((co_await try_open(runtime)).identity.storage_id, first.identity.storage_id);
    EXPECT_TRUE(node.disk().flip_bit(kPath + "/identity.a", 20, 1));
    EXPECT_EQ((co_await try_open(runtime)).identity.storage_id, first.identity.storage_id);
    EXPECT_TRUE(node.disk().flip_bit(kPath + "/identity.a", 20, 1));
    EXPECT_TRUE(node.disk().flip_bit(kPath + "/identity.b", 20, 1));
    const Tried last = co_await try_open(runtime);
    EXPECT_TRUE(last.fresh);
    EXPECT_TRUE(last.said);
    EXPECT_NE(last.identity.storage_id, first.identity.storage_id);
  });
}

TEST(DataDirectory, ThatCannotBeReadIsRefusedAndNothingIsMoved) {
  on_node(1, [](Runtime& runtime, Node& node) -> Task<void> {
    const Tried made = co_await try_open(runtime);
    const auto files = node.disk().files();
    for (const char* copy : {"/identity.a", "/identity.b"}) node.disk().fail_reads(kPath + copy, 0, 1);
    const Tried refused = co_await try_open(runtime);
    EXPECT_EQ(refused.kind, "io");
    EXPECT_NE(refused.text.find("identity.a"), std::string::npos) << refused.text;
    EXPECT_EQ(node.disk().files(), files);
    node.disk().clear_faults();
    const Tried again = co_await try_open(runtime);
    EXPECT_EQ(again.kind, "none");
    EXPECT_EQ(again.identity.storage_id, made.identity.storage_id);
  });
}

TEST(DataDirectory, IsMadeWholeWhereverTheCrashComes) {
  const auto result = runtime::sim::sweep_crashes({.crashes_in_recovery = true}, [](CrashScenario& run) {
    auto made = std::make_shared<std::optional<Identity>>();
    run.work([=](Runtime& runtime) -> Task<void> {
      const Tried tried = co_await try_open(runtime);
      EXPECT_EQ(tried.kind, "none") << tried.text;
      *made = tried.identity;
    });
    run.recover([=](Runtime& runtime) -> Task<void> {
      const Tried tried = co_await try_open(runtime);
      EXPECT_EQ(tried.kind, "none") << tried.text;
      EXPECT_EQ(tried.set_aside, "") << "nothing of an interrupted start is put aside";
      if (!*made) co_return;
      EXPECT_FALSE(tried.fresh);
      EXPECT_EQ(tried.identity.storage_id, (*made)->storage_id);
    });
  });
  EXPECT_GT(result.runs, 50u);
}

TEST(DataDirectory, PuttingAsideLosesNothingWhereverTheCrashComes) {
  runtime::sim::sweep_crashes({.crashes_in_recovery = true}, [](CrashScenario& run) {
    run.disk().install(kPath + "/topics/x", as_bytes("records"));
    run.disk().install(kPath + "/journal/y", as_bytes("rounds"));
    run.work([=](Runtime& runtime) -> Task<void> { (void)co_await try_open(runtime); });
    run.recover([=, &run](Runtime& runtime) -> Task<void> {
      EXPECT_EQ((co_await try_open(runtime)).kind, "none");
      for (const auto* name : {"/topics/x", "/journal/y"}) {
        size_t found = 0;
        for (const auto& path : run.disk().files()) found += path.ends_with(name) ? 1 : 0;
        EXPECT_EQ(found, 1u) << name;
        EXPECT_FALSE(run.disk().contents(kPath + name)) << "it is aside";
      }
    });
  });
}

}  // namespace
}  // namespace godwit::durable
