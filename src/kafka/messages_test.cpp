// Every message in every version, by one generic walk.
#include <gtest/gtest.h>

#include "kafka/filler.h"
#include "kafka/messages/all.h"

namespace godwit::kafka {
namespace {

// Calls check(version, message) for each version of each message, filled from several seeds.
template <class Check>
void for_each_filled(int null_percent, int seeds, Check check) {
  for_each_message([&]<class M> {
    for (int16_t version = M::kFormat.versions.first; version <= M::kFormat.versions.last; ++version) {
      for (int seed = 0; seed < seeds; ++seed) {
        SCOPED_TRACE(std::string(M::kFormat.name) + " v" + std::to_string(version));
        check(version, Filler(static_cast<uint64_t>(seed), null_percent).message<M>(version));
      }
    }
  });
}

TEST(Messages, ComeBackAsTheyWereSentInEveryVersion) {
  for_each_filled(0, 3, []<class M>(int16_t version, const M& message) {
    const auto encoded = codec::encode(message, version);
    ASSERT_TRUE(encoded) << encoded.error().message;
    EXPECT_EQ(encoded->size(), codec::encoded_size(message, version).value());
    codec::Input in(SharedBytes::own(encoded->flatten()));
    const auto decoded = codec::decode<M>(in, version);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(in.remaining(), 0u);
    EXPECT_EQ(*decoded, message) << codec::print(*decoded) << "\n" << codec::print(message);
  });
}

TEST(Messages, ComeBackAlsoWithNullsInThem) {
  for_each_filled(60, 4, []<class M>(int16_t version, const M& message) {
    const auto encoded = codec::encode(message, version);
    ASSERT_TRUE(encoded) << encoded.error().message;
    codec::Input in(SharedBytes::own(encoded->flatten()));
    const auto decoded = codec::decode<M>(in, version);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, message) << codec::print(*decoded) << "\n" << codec::print(message);
  });
}

TEST(Messages, DefaultsCanBeSentInEveryVersion) {
  for_each_message([]<class M> {
    for (int16_t version = M::kFormat.versions.first; version <= M::kFormat.versions.last; ++version) {
      const auto encoded = codec::encode(M{}, version);
      ASSERT_TRUE(encoded) << encoded.error().message;
      codec::Input in(SharedBytes::own(encoded->flatten()));
      EXPECT_EQ(codec::decode<M>(in, version).value(), M{});
    }
  });
}

TEST(Messages, CutOffAtAnyByteAreRefusedWithTheirName) {
  for_each_filled(0, 1, []<class M>(int16_t version, const M& message) {
    const SharedBytes whole = SharedBytes::own(codec::encode(message, version).value().flatten());
    for (size_t size = 0; size < whole.size(); ++size) {
      codec::Input in(whole.slice(0, size));
      const auto decoded = codec::decode<M>(in, version);
      ASSERT_FALSE(decoded) << "after " << size << " of " << whole.size() << " bytes";
      ASSERT_EQ(decoded.error().message.find(M::kFormat.name), 0u) << decoded.error().message;
    }
  });
}

TEST(Messages, WithAnyByteChangedAreRefusedOrStillConsistent) {
  for_each_filled(0, 1, []<class M>(int16_t version, const M& message) {
    const Bytes whole = codec::encode(message, version).value().flatten();
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const auto value : {std::byte{0}, std::byte{0x7f}, std::byte{0xff}}) {
        Bytes changed = whole;
        changed[at] = value;
        codec::Input in(SharedBytes::own(std::move(changed)));
        const auto decoded = codec::decode<M>(in, version);
        if (!decoded) continue;
        const auto encoded = codec::encode(*decoded, version);
        ASSERT_TRUE(encoded) << encoded.error().message;
        codec::Input again(SharedBytes::own(encoded->flatten()));
        ASSERT_EQ(codec::decode<M>(again, version).value(), *decoded);
      }
    }
  });
}

TEST(Messages, AreInTheTableWithTheirVersions) {
  size_t count = 0;
  for_each_message([&]<class M> {
    SCOPED_TRACE(M::kFormat.name);
    const ApiInfo& api = api_info(M::kApi);
    EXPECT_EQ(api.accepted, M::kFormat.versions);
    EXPECT_EQ(api.flexible_since, M::kFormat.flexible_since);
    EXPECT_EQ(M::kFormat.name.find(api.name), 0u);
    ++count;
  });
  EXPECT_EQ(count, 2 * all_apis().size());
}

// The encoder writes tagged fields in the order of the list, and the protocol wants them by ascending tag.
struct TagOrder {
  int last = -1;
  template <class M, class S>
  void operator()(const char* name, M S::*, codec::Spec spec = {}) {
    if (!spec.tagged()) return;
    EXPECT_GT(spec.tag, last) << name;
    last = spec.tag;
  }
};

TEST(Messages, ListTheirTaggedFieldsInTheOrderOfTheTags) {
  for_each_message([]<class M> {
    SCOPED_TRACE(M::kFormat.name);
    TagOrder order;
    M::fields(order);
  });
  TagOrder partition;
  FetchResponse::Partition::fields(partition);
  EXPECT_EQ(partition.last, 2);
  TagOrder requested;
  FetchRequest::Partition::fields(requested);
  EXPECT_EQ(requested.last, 1);
}

}  // namespace
}  // namespace godwit::kafka
