// What the tests of segments share: a machine, files full of batches, readers of them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "record/batch_builder.h"
#include "runtime/sim/node.h"
#include "storage/segment_file.h"

namespace godwit::storage::testing {

using runtime::Runtime;
using runtime::Task;
using runtime::sim::Node;
using runtime::sim::OpKind;
using runtime::sim::World;

struct BatchShape {
  size_t value_bytes = 100;
  int32_t records = 1;
  int32_t epoch = 0;
  int64_t timestamp_ms = 1000;
};

inline Bytes make_batch(Offset base, const BatchShape& shape) {
  BatchBuilder builder({.base_offset = base, .leader_epoch = LeaderEpoch(shape.epoch)});
  std::string value(shape.value_bytes, 'v');
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  for (int32_t i = 0; i < shape.records; ++i) {
    builder.add({.timestamp_ms = shape.timestamp_ms, .value = as_bytes(value)});
  }
  return builder.build().value();
}

// A segment's bytes as they are made, and where its batches stand.
struct Content {
  Bytes bytes;
  struct Place {
    Position position;
    Position end;
    Offset base;
    Offset next;
    BatchHeader header;
  };
  std::vector<Place> batches;

  void add(const Bytes& batch) {
    const BatchHeader header = BatchHeader::load(batch);
    const Position position(bytes.size());
    bytes.insert(bytes.end(), batch.begin(), batch.end());
    batches.push_back({position, Position(bytes.size()), header.base_offset, header.next_offset(), header});
  }
  Offset next() const { return batches.empty() ? Offset(0) : batches.back().next; }
  void add(const BatchShape& shape) { add(make_batch(next(), shape)); }
  Position end() const { return Position(bytes.size()); }
  // As in the file: whole blocks.
  Bytes padded() const {
    Bytes out = bytes;
    out.resize((out.size() + 4095) / 4096 * 4096);
    return out;
  }
  const Place& place_of(Offset offset) const {
    for (const Place& place : batches) {
      if (place.next > offset) return place;
    }
    ADD_FAILURE() << "no batch holds offset " << offset.value();
    return batches.back();
  }
};

inline Content uniform(size_t count, const BatchShape& shape) {
  Content content;
  for (size_t i = 0; i < count; ++i) {
    BatchShape s = shape;
    s.timestamp_ms += static_cast<int64_t>(i);
    content.add(s);
  }
  return content;
}

constexpr FileId kFile{0x2a};
inline const std::string kFolder = "p";
inline const std::string kLogPath = "p/000000000000002a.log";
inline const std::string kIndexPath = "p/000000000000002a.index";

inline SegmentInfo info_of(const Content& content, bool sealed = true) {
  return {.id = kFile,
          .base = content.batches.empty() ? Offset(0) : content.batches.front().base,
          .end = content.end(),
          .sealed = sealed};
}

// What a process has.
struct Files {
  explicit Files(Runtime& runtime, size_t buffer_bytes = 8 << 20)
      : cache(FileCache::create(runtime.files(), 16)), buffers(ReadBuffers::create(buffer_bytes)) {}
  std::unique_ptr<SegmentReader> reader(const SegmentInfo& info) {
    return SegmentReader::create(*cache, buffers, kFolder, info, sink);
  }
  RecordingSink sink;
  std::unique_ptr<FileCache> cache;
  std::shared_ptr<ReadBuffers> buffers;
};

// Reads from `from` to the file's end as a consumer does and compares with what was written. Gives the error
// that ended it, or an empty text, and the offset that was reached.
struct ReadAll {
  std::string error;
  ErrorKind kind = ErrorKind::invalid;
  Offset reached;
  size_t reads = 0;
};
inline Task<ReadAll> read_all(SegmentReader& reader, const Content& content, Offset from, size_t bytes_max) {
  ReadAll all{.reached = from};
  std::optional<Position> hint;
  while (all.reached < content.next()) {
    auto part = co_await reader.read(all.reached, bytes_max, hint);
    if (!part) {
      all.error = part.error().message;
      all.kind = part.error().kind;
      co_return all;
    }
    ++all.reads;
    const Position start = content.place_of(all.reached).position;
    EXPECT_FALSE(part->batches.empty());
    if (part->batches.empty()) co_return all;
    EXPECT_EQ(part->next_position, start + part->batches.size());
    if (part->next_position > content.end()) co_return all;
    const Bytes flat = part->batches.flatten();
    EXPECT_TRUE(equal(flat, BytesView(content.bytes).subspan(start.value(), flat.size())));
    const bool one = content.place_of(all.reached).end == part->next_position;
    EXPECT_TRUE(flat.size() <= bytes_max || one);
    EXPECT_GT(part->next, all.reached);
    all.reached = part->next;
    hint = part->next_position;
  }
  co_return all;
}

}  // namespace godwit::storage::testing
