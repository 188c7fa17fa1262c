// Ranges of bytes: who owns them and who only looks.
//
//   BytesView     looks at bytes that somebody else keeps alive
//   MutableBytes  the same, writable
//   Bytes         owns a growable array
//   SharedBytes   an immutable range together with a share in whatever keeps it alive (a request's frame, a
//                 block of the arena, a read buffer). May be copied to and dropped on any thread.
//   Chain         a sequence of SharedBytes that is sent as if it were one range
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit {

using BytesView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

// The bytes of `text`, which must outlive the view.
inline BytesView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// `bytes` seen as characters; no encoding is checked.
inline std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes to_bytes(BytesView bytes) {
  return Bytes(bytes.begin(), bytes.end());
}
inline Bytes to_bytes(std::string_view text) {
  return to_bytes(as_bytes(text));
}

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(BytesView bytes);

bool equal(BytesView a, BytesView b);

// An immutable range and a share in its owner.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(std::shared_ptr<const void> owner, BytesView view) : owner_(std::move(owner)), view_(view) {}
  // Takes `bytes` over.
  static SharedBytes own(Bytes bytes);
  // Copies `bytes`.
  static SharedBytes copy(BytesView bytes) { return own(to_bytes(bytes)); }

  BytesView view() const { return view_; }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  const std::byte* data() const { return view_.data(); }
  // A part of the range that shares the same owner. Requires offset + count <= size().
  SharedBytes slice(size_t offset, size_t count) const { return {owner_, view_.subspan(offset, count)}; }
  const std::shared_ptr<const void>& owner() const { return owner_; }
  // The same bytes, whoever owns them.
  friend bool operator==(const SharedBytes& a, const SharedBytes& b) { return equal(a.view_, b.view_); }

 private:
  std::shared_ptr<const void> owner_;
  BytesView view_;
};

// A sequence of shared ranges, sent in order. Empty parts are dropped.
class Chain {
 public:
  Chain() = default;
  explicit Chain(SharedBytes part) { append(std::move(part)); }

  void append(SharedBytes part) {
    if (part.empty()) return;
    size_ += part.size();
    parts_.push_back(std::move(part));
  }
  void append(Chain other) {
    for (auto& part : other.parts_) append(std::move(part));
  }
  void clear() {
    parts_.clear();
    size_ = 0;
  }
  // Bytes in all parts.
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::vector<SharedBytes>& parts() const { return parts_; }
  // One contiguous copy of everything.
  Bytes flatten() const;
  // The same bytes, however they are cut into parts.
  friend bool operator==(const Chain& a, const Chain& b);

 private:
  std::vector<SharedBytes> parts_;
  size_t size_ = 0;
};

}  // namespace godwit
