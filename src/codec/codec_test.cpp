#include <gtest/gtest.h>

#include <random>

#include "base/strong.h"
#include "codec/define.h"

namespace godwit::codec {
namespace {

using Age = Strong<struct AgeTag, int32_t>;
enum class Colour : int16_t { none = 0, red = 1 };
std::string_view to_string(Colour colour) {
  return colour == Colour::red ? "RED" : "NONE";
}

struct Leg {
  int8_t number = 0;
  std::string name;

  static void fields(auto& f) {
    f("number", &Leg::number);
    f("name", &Leg::name, since(1).ignorable());
  }
  friend bool operator==(const Leg&, const Leg&) = default;
};

struct Nest {
  Uuid id;
  double depth = 0;

  static void fields(auto& f) {
    f("id", &Nest::id);
    f("depth", &Nest::depth);
  }
  friend bool operator==(const Nest&, const Nest&) = default;
};

// Every kind of field. Version 2 is flexible.
struct Bird {
  bool flies = true;
  int8_t tiny = 0;
  int16_t small = 0;
  int64_t large = 0;
  uint16_t port = 0;
  uint32_t count = 0;
  Age age{-1};
  Colour colour = Colour::none;
  std::string name;
  std::optional<std::string> nickname;
  Bytes song;
  std::optional<Bytes> second_song;
  SharedBytes feathers;
  Chain eggs;
  std::vector<Leg> legs;
  std::optional<std::vector<int32_t>> rings;
  std::optional<Nest> nest;
  std::string ring_text;
  int32_t flights = 7;
  Nest winter;

  static constexpr Format kFormat{.name = "Bird", .versions = {0, 3}, .flexible_since = 2};
  static void fields(auto& f) {
    f("flies", &Bird::flies);
    f("tiny", &Bird::tiny);
    f("small", &Bird::small);
    f("large", &Bird::large);
    f("port", &Bird::port);
    f("count", &Bird::count);
    f("age", &Bird::age, since(1).ignorable());
    f("colour", &Bird::colour);
    f("name", &Bird::name);
    f("nickname", &Bird::nickname, always().nullable_since(1));
    f("song", &Bird::song);
    f("second_song", &Bird::second_song);
    f("feathers", &Bird::feathers);
    f("eggs", &Bird::eggs);
    f("legs", &Bird::legs, versions(0, 2));
    f("rings", &Bird::rings);
    f("nest", &Bird::nest);
    f("ring_text", &Bird::ring_text, always().classic());
    f("flights", &Bird::flights, since(2).tagged(0));
    f("winter", &Bird::winter, since(3).tagged(4));
  }
  friend bool operator==(const Bird&, const Bird&) = default;
};

struct Small {
  std::string name;
  int32_t extra = 5;
  static constexpr Format kFormat{.name = "Small", .versions = {0, 1}, .flexible_since = 1};
  static void fields(auto& f) {
    f("name", &Small::name);
    f("extra", &Small::extra, since(1).tagged(3));
  }
  friend bool operator==(const Small&, const Small&) = default;
};

}  // namespace
GODWIT_CODEC(Bird);
GODWIT_STORED_CODEC(Small);
namespace {

Bird robin() {
  Bird b;
  b.flies = false;
  b.tiny = -2;
  b.small = 300;
  b.large = -5'000'000'000;
  b.port = 65000;
  b.count = 4'000'000'000;
  b.age = Age(3);
  b.colour = Colour::red;
  b.name = "robin";
  b.nickname = "rob";
  b.song = to_bytes("tsip");
  b.second_song = Bytes{};
  b.feathers = SharedBytes::own(Bytes(1000, std::byte{7}));
  b.eggs.append(SharedBytes::own(Bytes(kSpliceMin, std::byte{8})));
  b.eggs.append(SharedBytes::own(Bytes(3, std::byte{9})));
  b.legs = {{1, "left"}, {2, "right"}};
  b.rings = {10, -10};
  b.nest = Nest{{}, 0.5};
  b.ring_text = "AB";
  return b;
}

Bytes encoded(const auto& value, int16_t version) {
  auto chain = encode(value, version);
  EXPECT_TRUE(chain) << chain.error().message;
  return chain ? chain->flatten() : Bytes{};
}

Result<Bird> decoded(Bytes bytes, int16_t version) {
  Input in(SharedBytes::own(std::move(bytes)));
  return decode<Bird>(in, version);
}

TEST(Codec, WhatWasEncodedComesBackInEveryVersion) {
  for (int16_t version = 0; version <= 3; ++version) {
    Bird bird = robin();
    if (version == 0) {
      bird.age = Age(-1);
      for (auto& leg : bird.legs) leg.name.clear();
    }
    if (version >= 2) bird.flights = 9;
    if (version == 3) {
      bird.legs.clear();
      bird.winter.depth = 2;
    }
    const Bytes bytes = encoded(bird, version);
    EXPECT_EQ(bytes.size(), encoded_size(bird, version).value()) << version;
    const auto back = decoded(bytes, version);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, bird) << version << print(*back);
  }
}

TEST(Codec, EveryTruncationIsAnErrorThatNamesTheStruct) {
  for (int16_t version = 0; version <= 2; ++version) {
    Bird bird = robin();
    const Bytes bytes = encoded(bird, version);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto back = decoded(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)), version);
      ASSERT_FALSE(back) << version << " " << size;
      EXPECT_EQ(back.error().message.find("Bird v"), 0u);
    }
  }
}

TEST(Codec, ARandomByteNeverDoesHarm) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    const auto version = static_cast<int16_t>(round % 3);
    static const Bytes whole[] = {encoded(robin(), 0), encoded(robin(), 1), encoded(robin(), 2)};
    Bytes bytes = whole[version];
    bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    const auto back = decoded(bytes, version);
    if (!back) continue;
    EXPECT_EQ(decoded(encoded(*back, version), version).value(), *back);
  }
}

TEST(Codec, WritesTheOldLayoutByHandChecked) {
  EXPECT_EQ(to_hex(encoded(Small{"ab", 5}, 0)), "00026162");
}

TEST(Codec, WritesTheFlexibleLayoutByHandChecked) {
  EXPECT_EQ(to_hex(encoded(Small{"ab", 5}, 1)), "03616200");  // length + 1, no tags
  EXPECT_EQ(to_hex(encoded(Small{"ab", 6}, 1)),
            "036162"
            "010304"
            "00000006");  // one tag: 3, of 4 bytes
}

TEST(Codec, UnknownTagsAreSkippedAndKnownOnesFoundBetweenThem) {
  Input in(
      SharedBytes::own(to_bytes(std::string_view("\x03"
                                                 "ab"
                                                 "\x03"
                                                 "\x01\x02zz"
                                                 "\x03\x04\0\0\0\x06"
                                                 "\x7f\0"
                                                 "!",
                                                 17))));
  const auto back = decode<Small>(in, 1);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, (Small{"ab", 6}));
  EXPECT_EQ(in.remaining(), 1u);
}

TEST(Codec, ATagThatIsLongerThanItsValueIsRefused) {
  Input in(
      SharedBytes::own(to_bytes(std::string_view("\x01"
                                                 "\x01"
                                                 "\x03\x05\0\0\0\x06!",
                                                 9))));
  const auto back = decode<Small>(in, 1);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().message, "Small v1: tagged field 3 has 5 bytes, 1 of them after its value");
}

TEST(Codec, LargeBytesAreSlicesOfTheFrameAndAreSplicedWithoutACopy) {
  const Bird bird = robin();
  const auto chain = encode(bird, 1);
  ASSERT_TRUE(chain);
  bool feathers_spliced = false;
  for (const auto& part : chain->parts()) feathers_spliced |= part.data() == bird.feathers.data();
  EXPECT_TRUE(feathers_spliced);
  const SharedBytes frame = SharedBytes::own(chain->flatten());
  Input in(frame);
  const auto back = decode<Bird>(in, 1);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->feathers.owner(), frame.owner());
  EXPECT_GE(back->feathers.data(), frame.data());
  EXPECT_LT(back->feathers.data(), frame.data() + frame.size());
}

TEST(Codec, ALengthOfTwoBillionInATinyFrameAllocatesNothing) {
  Bird bird = robin();
  bird.legs.clear();
  Bytes bytes = encoded(bird, 1);
  // The count of legs stands before rings, nest and ring_text.
  const size_t tail = 4 + 8 + 1 + 24 + 4;
  store_big<int32_t>(bytes.data() + bytes.size() - tail - 4, 2'000'000'000);
  const auto back = decoded(bytes, 1);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().message,
            "Bird v1 legs: 2000000000 elements of at least 3 bytes but 41 bytes remain");
}

TEST(Codec, AnArrayMayNotTakeMoreMemoryThanTheFrameIsAllowed) {
  Bird bird;
  bird.nickname = "";
  bird.legs.resize(1000);
  Input in(SharedBytes::own(encoded(bird, 1)), 10'000);
  const auto back = decode<Bird>(in, 1);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().kind, ErrorKind::limit);
}

TEST(Codec, AFaultInsideAnArrayNamesTheElement) {
  Bird bird = robin();
  bird.legs[1].name = std::string(kStringSizeMax + 1, 'x');
  const auto chain = encode(bird, 2);
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().message, "Bird v2 legs[1].name: has size 32768, at most 32767 fits");
}

TEST(Codec, AFieldThatTheVersionLacksIsDroppedOnlyWhereThatIsAllowed) {
  Bird bird = robin();
  bird.age = Age(4);
  EXPECT_TRUE(encode(bird, 0));  // age and the legs' names are ignorable
  bird.flights = 8;
  const auto chain = encode(bird, 1);
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(chain.error().message, "Bird v1 flights: is set, but exists only since version 2");
  bird.flights = 7;
  const auto legs = encode(bird, 3);
  ASSERT_FALSE(legs);
  EXPECT_EQ(legs.error().message, "Bird v3 legs: is set, but exists only in versions 0 to 2");
}

TEST(Codec, NullIsRefusedBothWaysWhereTheVersionHasNone) {
  Bird bird = robin();
  bird.nickname.reset();
  EXPECT_TRUE(encode(bird, 1));
  const auto chain = encode(bird, 0);
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().message, "Bird v0 nickname: is null, which version 0 forbids");
  Input in(SharedBytes::own(to_bytes(std::string_view("\xff\xff", 2))));
  EXPECT_EQ(decode<Small>(in, 0).error().message, "Small v0 name: is null, which version 0 forbids");
  Input negative(SharedBytes::own(to_bytes(std::string_view("\xff\xfe", 2))));
  EXPECT_EQ(decode<Small>(negative, 0).error().message, "Small v0 name: negative length -2");
}

TEST(Codec, AVersionThatDoesNotExistIsUnsupported) {
  EXPECT_EQ(encode(Small{}, 2).error().message, "Small v2: only versions 0 to 1 are known");
  Input in(SharedBytes{});
  EXPECT_EQ(decode<Small>(in, -1).error().kind, ErrorKind::unsupported);
}

TEST(Codec, AFrameBeginsWithTheLengthOfHeaderAndBody) {
  const auto chain = encode_framed(Small{"ab", 5}, 0, as_bytes("HEAD"));
  ASSERT_TRUE(chain);
  EXPECT_EQ(to_hex(chain->flatten()),
            "00000008"
            "48454144"
            "00026162");
}

TEST(Codec, AStoredValueCarriesItsVersion) {
  const auto stored = encode_versioned(Small{"ab", 6}, 1);
  ASSERT_TRUE(stored);
  EXPECT_EQ(to_hex(*stored),
            "0001"
            "036162"
            "010304"
            "00000006");
  EXPECT_EQ(decode_versioned<Small>(SharedBytes::copy(*stored)).value(), (Small{"ab", 6}));
  Bytes longer = *stored;
  longer.push_back(std::byte{0});
  EXPECT_EQ(decode_versioned<Small>(SharedBytes::own(longer)).error().kind, ErrorKind::corrupt);
  EXPECT_EQ(decode_versioned<Small>(SharedBytes::own(Bytes(1))).error().kind, ErrorKind::corrupt);
  EXPECT_EQ(decode_versioned<Small>(SharedBytes::own(Bytes(2, std::byte{1}))).error().kind,
            ErrorKind::unsupported);
}

TEST(Codec, PrintsWhatIsNotDefaultOnOneLine) {
  Bird bird;
  EXPECT_EQ(print(bird), "Bird{}");
  bird = robin();
  EXPECT_EQ(print(bird),
            "Bird{flies=false, tiny=-2, small=300, large=-5000000000, port=65000, count=4000000000, age=3, "
            "colour=RED, name=\"robin\", nickname=\"rob\", song=<4 bytes>, second_song=<0 bytes>, "
            "feathers=<1000 bytes>, eggs=<259 bytes>, legs=[{number=1, name=\"left\"}, {number=2, "
            "name=\"right\"}], "
            "rings=[10, -10], nest={depth=0.500000}, ring_text=\"AB\"}");
}

TEST(Codec, PrintingIsBoundedAndEscaped) {
  Small small{"a\"b\n\\", 5};
  EXPECT_EQ(print(small), "Small{name=\"a\\\"b\\x0a\\\\\"}");
  small.name = std::string(5000, 'x');
  const std::string text = print(small, 40);
  EXPECT_EQ(text, "Small{name=\"" + std::string(25, 'x') + "…");
  EXPECT_EQ(text.size(), 40u);
  small.name.clear();
  for (int i = 0; i < 100; ++i) small.name += "é";
  for (size_t size = 20; size < 30; ++size) EXPECT_LE(print(small, size).size(), size);
}

}  // namespace
}  // namespace godwit::codec
