// What a versioned field list says about a field and about a struct. A struct is described once:
//
//   struct Topic {
//     std::string name;
//     TopicId topic_id;
//     std::optional<std::vector<PartitionIndex>> partitions;
//
//     static void fields(auto& f) {
//       f("name", &Topic::name, versions(0, 12).ignorable());
//       f("topic_id", &Topic::topic_id, since(13));
//       f("partitions", &Topic::partitions, always().nullable_since(2));
//     }
//     friend bool operator==(const Topic&, const Topic&) = default;
//   };
//
// The order of the lines is the order on the wire; lines of tagged fields stand in the order of their tags.
// The member's type says what is on the wire (codec/codec.h has the table), its initializer is the default:
// what a reader sees where the version lacks the field, and what a tagged field is compared with to be left
// out. A struct that is encoded by itself also has a Format:
//
//   static constexpr codec::Format kFormat{.name = "MetadataRequest", .versions = {0, 13}, .flexible_since =
//   9};
#pragma once

#include <cstdint>
#include <string_view>

namespace godwit::codec {

constexpr int16_t kNoVersion = 0x7fff;

// A closed range of versions.
struct VersionRange {
  int16_t first = 0;
  int16_t last = kNoVersion;
  constexpr bool contains(int16_t version) const { return first <= version && version <= last; }
  friend constexpr bool operator==(VersionRange, VersionRange) = default;
};

// How a field lies in the versions of its struct. Made with always(), since() and versions(), at compile
// time.
struct Spec {
  VersionRange present{};
  // Versions in which a std::optional may be null; all in which it is present unless said otherwise.
  VersionRange null_allowed{};
  int16_t tag = -1;
  // Whether a version that lacks the field may silently drop a value that is not the default.
  bool may_be_dropped = false;
  bool always_classic = false;

  constexpr bool tagged() const { return tag >= 0; }

  consteval Spec nullable_since(int16_t first) const { return nullable(first, kNoVersion); }
  consteval Spec nullable(int16_t first, int16_t last) const {
    Spec s = *this;
    s.null_allowed = {first, last};
    return s;
  }
  // In the tagged section at the end of its struct; left out where it equals its default.
  consteval Spec tagged(int16_t number) const {
    Spec s = *this;
    s.tag = number;
    return s;
  }
  consteval Spec ignorable() const {
    Spec s = *this;
    s.may_be_dropped = true;
    return s;
  }
  // Written in the old way in flexible versions too (the client id of a request header).
  consteval Spec classic() const {
    Spec s = *this;
    s.always_classic = true;
    return s;
  }
};

consteval Spec versions(int16_t first, int16_t last) {
  Spec s;
  s.present = {first, last};
  return s;
}
consteval Spec always() {
  return {};
}
consteval Spec since(int16_t first) {
  return versions(first, kNoVersion);
}

// A struct that is encoded by itself.
struct Format {
  std::string_view name;
  VersionRange versions{};
  // From here on: compact lengths, and a section of tagged fields at the end of every struct.
  int16_t flexible_since = kNoVersion;

  constexpr bool flexible(int16_t version) const { return version >= flexible_since; }
};

}  // namespace godwit::codec
