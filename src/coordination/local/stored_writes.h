// A record of the local file: the writes of one transaction (docs/formats/coordination.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/codec.h"

namespace godwit::coordination {

struct StoredWrites {
  static constexpr codec::Format kFormat{.name = "StoredWrites", .versions = {0, 0}, .flexible_since = 0};
  struct Write {
    std::string key;
    std::optional<Bytes> value;  // null: the key is deleted
    static void fields(auto& f) {
      f("key", &Write::key);
      f("value", &Write::value, codec::always().nullable_since(0));
    }
    friend bool operator==(const Write&, const Write&) = default;
  };
  std::vector<Write> writes;
  static void fields(auto& f) { f("writes", &StoredWrites::writes); }
  friend bool operator==(const StoredWrites&, const StoredWrites&) = default;
};

}  // namespace godwit::coordination
