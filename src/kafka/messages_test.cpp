// Every message in every version, by one generic walk.
#include <gtest/gtest.h>

#include "kafka/any_message.h"

namespace godwit::kafka {
namespace {

// Calls check(message, version) for each version of each message.
template <class Check>
void for_each_version(Check check) {
  for (const AnyMessage* message : all_messages()) {
    const auto& format = message->format();
    for (int16_t version = format.versions.first; version <= format.versions.last; ++version) {
      SCOPED_TRACE(std::string(format.name) + " v" + std::to_string(version));
      check(*message, version);
    }
  }
}

SharedBytes encoded(const AnyMessage& message, const AnyMessage::Value& value, int16_t version) {
  const auto chain = message.encode(value, version);
  EXPECT_TRUE(chain) << chain.error().message;
  return chain ? SharedBytes::own(chain->flatten()) : SharedBytes{};
}

void expect_round_trip(const AnyMessage& message, const AnyMessage::Value& value, int16_t version) {
  const SharedBytes bytes = encoded(message, value, version);
  EXPECT_EQ(bytes.size(), message.encoded_size(value, version).value());
  codec::Input in(bytes);
  const auto decoded = message.decode(in, version);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_TRUE(message.equal(*decoded, value)) << message.print(*decoded, 2000) << "\n"
                                              << message.print(value, 2000);
}

TEST(Messages, ComeBackAsTheyWereSentInEveryVersion) {
  for_each_version([](const AnyMessage& message, int16_t version) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const auto value = message.filled(version, seed, 0);
      const bool has_fields =
          message.encoded_size(value, version).value() > 1;  // more than an empty tag section
      if (has_fields) EXPECT_FALSE(message.equal(value, message.defaults()));
      expect_round_trip(message, value, version);
    }
  });
}

TEST(Messages, ComeBackAlsoWithNullsInThem) {
  for_each_version([](const AnyMessage& message, int16_t version) {
    for (uint64_t seed = 0; seed < 4; ++seed)
      expect_round_trip(message, message.filled(version, seed, 60), version);
  });
}

TEST(Messages, DefaultsCanBeSentInEveryVersion) {
  for_each_version([](const AnyMessage& message, int16_t version) {
    expect_round_trip(message, message.defaults(), version);
  });
}

TEST(Messages, CutOffAtAnyByteAreRefusedWithTheirName) {
  for_each_version([](const AnyMessage& message, int16_t version) {
    const SharedBytes whole = encoded(message, message.filled(version, 0, 0), version);
    for (size_t size = 0; size < whole.size(); ++size) {
      codec::Input in(whole.slice(0, size));
      const auto decoded = message.decode(in, version);
      ASSERT_FALSE(decoded) << "after " << size << " of " << whole.size() << " bytes";
      ASSERT_EQ(decoded.error().message.find(message.format().name), 0u) << decoded.error().message;
    }
  });
}

TEST(Messages, WithAnyByteChangedAreRefusedOrStillConsistent) {
  for_each_version([](const AnyMessage& message, int16_t version) {
    const SharedBytes whole = encoded(message, message.filled(version, 0, 0), version);
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const auto byte : {std::byte{0}, std::byte{0x7f}, std::byte{0xff}}) {
        Bytes changed = to_bytes(whole.view());
        changed[at] = byte;
        codec::Input in(SharedBytes::own(std::move(changed)));
        const auto decoded = message.decode(in, version);
        if (!decoded) continue;
        codec::Input again(encoded(message, *decoded, version));
        const auto back = message.decode(again, version);
        ASSERT_TRUE(back) << back.error().message;
        ASSERT_TRUE(message.equal(*back, *decoded)) << "byte " << at;
      }
    }
  });
}

TEST(Messages, AreInTheTableWithTheirVersions) {
  for (const AnyMessage* message : all_messages()) {
    SCOPED_TRACE(message->format().name);
    const ApiInfo& api = api_info(message->api());
    EXPECT_EQ(api.accepted, message->format().versions);
    EXPECT_EQ(api.flexible_since, message->format().flexible_since);
    EXPECT_EQ(message->format().name,
              std::string(api.name) + (message->is_request() ? "Request" : "Response"));
  }
  EXPECT_EQ(all_messages().size(), 2 * all_apis().size());
}

// The encoder writes tagged fields in the order of their lines, and the protocol wants them by ascending tag.
TEST(Messages, ListTheirTaggedFieldsInTheOrderOfTheTags) {
  for (const AnyMessage* message : all_messages())
    EXPECT_TRUE(message->tags_ascend()) << message->format().name;
}

}  // namespace
}  // namespace godwit::kafka
