// A small data directory, as a crash left it, with whatever was done to its files: a start must come to an end, and what it
// serves is what was published at that offset, or an error. Afterwards publishing goes on.
//
// The input is a list of changes, eight bytes each: what (a bit flips, bytes are set, a block becomes zeros or what it was
// earlier, the file ends earlier, is gone, or is one of an earlier moment), which file, where, with what. A mutation is
// mostly one such change more, less, or another: of a file that is drawn by what is in it, so that the journal and the
// segments, which a start reads most of, are not among a dozen small files.
#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "base/endian.h"
#include "record/batch_builder.h"
#include "record/batches.h"
#include "record/record_reader.h"
#include "runtime/sim/node.h"
#include "runtime/sim/random.h"
#include "storage/store.h"

namespace godwit::storage {
namespace {

using runtime::Runtime;
using runtime::Task;
using Files = std::map<std::string, Bytes>;

constexpr const char* kDirectory = "/data";
constexpr size_t kChange = 8;
constexpr size_t kChangesMax = 16;

StoreOptions options() {
  StoreOptions o;
  o.directory = kDirectory;
  o.arena_bytes = 1 << 20;
  o.read_buffer_bytes = 1 << 20;
  o.journal_file_bytes = 64 << 10;
  o.journal_files = 2;
  o.reserve_bytes = 0;
  o.ballast_bytes = 0;
  // As large rounds are: what they carry is looked at when it is loaded.
  o.journal_scan_payload_max = 0;
  return o;
}

TopicPartition partition(int32_t index) {
  TopicPartition id;
  id.topic.bytes[3] = id.topic.bytes[15] = std::byte{1};
  id.partition = PartitionIndex(index);
  return id;
}

// The directory, an earlier moment of it, and every text that was ever published at an offset.
struct Origin {
  Files now;
  Files before;
  std::map<std::pair<int32_t, Offset>, std::set<std::string>> texts;
};

Bytes batch_of(const std::string& text) {
  BatchBuilder builder({});
  builder.add({.timestamp_ms = 1000, .value = as_bytes(text)});
  auto batch = builder.build();
  GW_CHECK(batch.has_value(), "a batch of a text can be built");
  return std::move(*batch);
}

Task<bool> publish(Log& log, const std::string& text) {
  Bytes batch = batch_of(text);
  const auto deadline = runtime::Shard::current()->now() + std::chrono::seconds(10);
  const LeaderEpoch epoch = log.epochs().latest().value_or(LeaderEpoch(0));
  const auto appended =
      co_await log.append(batch, {.epoch = epoch, .now = WallTime{1000}, .deadline = deadline});
  if (!appended) co_return false;
  co_return co_await log.wait_stable(appended->last_offset + 1, deadline) == ErrorCode::none;
}

Files files_of(runtime::sim::Disk& disk) {
  Files files;
  for (const std::string& path : disk.files()) {
    if (auto contents = disk.contents(path)) files[path] = std::move(*contents);
  }
  return files;
}

Task<void> live(Runtime& runtime, runtime::sim::Node& node, Origin& origin) {
  RecordingSink diagnostics;
  metrics::Registry metrics;
  auto store = co_await Store::open(options(), runtime, diagnostics, metrics);
  GW_CHECK(store.has_value(), "a new store opens");
  LogConfig config;
  config.segment_bytes = 12'000;
  int number = 0;
  const auto fill = [&](int32_t p, int count, size_t size) -> Task<void> {
    Log* const log = (*store)->find(partition(p));
    for (int i = 0; i < count; ++i) {
      ++number;
      std::string text = std::to_string(number) + std::string(size, static_cast<char>('a' + number % 26));
      origin.texts[{p, log->end()}].insert(text);
      GW_CHECK(co_await publish(*log, text), "a store takes what is published");
    }
  };
  for (int32_t p = 0; p < 2; ++p)
    GW_CHECK(co_await (*store)->create(partition(p), config), "a log can be made");
  co_await fill(0, 8, 3000);
  co_await fill(1, 3, 500);
  GW_CHECK(co_await (*store)->checkpoint(), "a checkpoint can be written");
  origin.before = files_of(node.disk());
  co_await fill(0, 3, 3000);
  GW_CHECK(co_await (*store)->find(partition(0))->truncate(Offset(9)), "a log can be truncated");
  co_await fill(0, 3, 2500);
  GW_CHECK(co_await (*store)->checkpoint(), "a checkpoint can be written");
  co_await fill(0, 2, 2500);
  co_await fill(1, 4, 700);
  co_await runtime::sleep_for(std::chrono::seconds(3));
  origin.now = files_of(node.disk());
}

const Origin& origin() {
  static const Origin made = [] {
    Origin o;
    runtime::sim::World world(1);
    runtime::sim::Node& node = world.add_node("a");
    (void)node.run([&](Runtime& runtime) { return live(runtime, node, o); });
    GW_CHECK(!o.now.empty(), "the directory was made");
    return o;
  }();
  return made;
}

// A sector that is not empty, of the file'th file.
struct Used {
  uint8_t file = 0;
  uint32_t position = 0;
};
constexpr size_t kSector = 512;

const std::vector<Used>& used_sectors() {
  static const std::vector<Used> made = [] {
    std::vector<Used> all;
    uint8_t file = 0;
    for (const auto& [path, bytes] : origin().now) {
      for (size_t at = 0; at < bytes.size(); at += kSector) {
        const auto sector = BytesView(bytes).subspan(at, std::min(kSector, bytes.size() - at));
        if (std::ranges::any_of(sector, [](std::byte b) { return b != std::byte{0}; })) {
          all.push_back({file, static_cast<uint32_t>(at)});
        }
      }
      ++file;
    }
    return all;
  }();
  return made;
}

// Writes a change that is drawn. It means what it says as long as no change before it removed a file.
void draw_change(runtime::sim::SeededRandom& random, uint8_t* at) {
  const Used& used = used_sectors()[random.below(used_sectors().size())];
  at[0] = static_cast<uint8_t>(random.below(8));
  at[1] = used.file;
  auto* const bytes = reinterpret_cast<std::byte*>(at);
  store_little(bytes + 2, static_cast<uint32_t>(used.position + random.below(kSector)));
  store_little(bytes + 6, static_cast<uint16_t>(random.next()));
}

void change(Files& files, const Origin& from, const uint8_t* at) {
  if (files.empty()) return;
  auto file = std::next(files.begin(), at[1] % static_cast<ptrdiff_t>(files.size()));
  Bytes& bytes = file->second;
  const auto value = load_little<uint16_t>(reinterpret_cast<const std::byte*>(at + 6));
  if (at[0] % 8 == 7) {
    files.erase(file);
    return;
  }
  if (at[0] % 8 == 6) {
    const auto earlier = from.before.find(file->first);
    if (earlier != from.before.end()) bytes = earlier->second;
    return;
  }
  if (bytes.empty()) return;
  const size_t where = load_little<uint32_t>(reinterpret_cast<const std::byte*>(at + 2)) % bytes.size();
  const size_t block = where / 4096 * 4096;
  const size_t length = std::min<size_t>(4096, bytes.size() - block);
  switch (at[0] % 8) {
    case 0:
    case 1:
      bytes[where] ^= std::byte{1} << value % 8;
      break;
    case 2:
      std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(where),
                  std::min<size_t>(1 + value % 64, bytes.size() - where), static_cast<std::byte>(value >> 8));
      break;
    case 3:
      std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(block), length, std::byte{0});
      break;
    case 4: {
      // A write that was lost: the block as it was at the earlier moment.
      const auto earlier = from.before.find(file->first);
      if (earlier == from.before.end() || earlier->second.size() < block + length) break;
      std::copy_n(earlier->second.begin() + static_cast<ptrdiff_t>(block), length,
                  bytes.begin() + static_cast<ptrdiff_t>(block));
      break;
    }
    default:
      bytes.resize(where);
  }
}

Task<void> check_log(Log& log, const Origin& from) {
  const int32_t p = log.id().partition.value();
  Offset at = log.start();
  for (int reads = 0; at < log.end() && reads < 1000; ++reads) {
    const auto part = co_await log.read({.from = at, .bytes_max = 1 << 20, .end = log.end()});
    if (!part || part->batches.empty()) {
      // Damaged: what lies behind it may be whole.
      at = at + 1;
      continue;
    }
    const Bytes bytes = part->batches.flatten();
    const auto whole = for_each_batch(bytes, {}, [&](const BatchView& batch, size_t) -> Result<void> {
      const auto count = for_each_record(batch, {}, [&](const Record& record) {
        const auto known = from.texts.find({p, record.offset});
        const std::string text(record.value ? as_text(*record.value) : std::string_view());
        GW_CHECK(known != from.texts.end() && known->second.contains(text),
                 "records are served as they were published");
        return true;
      });
      GW_CHECK(count.has_value(), "records are served as they were published");
      return {};
    });
    GW_CHECK(whole.has_value(), "whole batches are served");
    at = std::max(at + 1, part->next);
  }
}

Task<void> start(Runtime& runtime, const Origin& from) {
  RecordingSink diagnostics;
  metrics::Registry metrics;
  auto store = co_await Store::open(options(), runtime, diagnostics, metrics);
  if (!store) co_return;
  for (const TopicPartition& id : co_await (*store)->list()) {
    Log* const log = (*store)->find(id);
    co_await check_log(*log, from);
    const Offset end = log->end();
    GW_CHECK(co_await publish(*log, "after"), "publishing goes on");
    const auto part = co_await log->read({.from = end, .end = log->end()});
    GW_CHECK(part && !part->batches.empty(), "what was published now is read");
  }
  (void)co_await (*store)->damages();
  GW_CHECK(co_await (*store)->close(), "the store closes");
}

}  // namespace
}  // namespace godwit::storage

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max, unsigned seed) {
  using namespace godwit::storage;
  godwit::runtime::sim::SeededRandom random(seed);
  const size_t changes = std::min(size / kChange, kChangesMax);
  const uint64_t how = random.below(8);
  if (how == 0) return LLVMFuzzerMutate(data, size, size_max);
  if (how == 1 && changes > 1) {
    const size_t gone = random.below(changes);
    std::copy(data + (gone + 1) * kChange, data + changes * kChange, data + gone * kChange);
    return (changes - 1) * kChange;
  }
  const bool more = changes == 0 || (how <= 4 && changes < kChangesMax);
  if (more && (changes + 1) * kChange > size_max) return LLVMFuzzerMutate(data, size, size_max);
  draw_change(random, data + (more ? changes : random.below(changes)) * kChange);
  return (changes + (more ? 1 : 0)) * kChange;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit::storage;
  const Origin& from = origin();
  Files files = from.now;
  for (size_t i = 0; i < std::min(size / kChange, kChangesMax); ++i) {
    change(files, from, data + i * kChange);
  }
  godwit::runtime::sim::World world(2);
  godwit::runtime::sim::Node& node = world.add_node("a");
  for (const auto& [path, bytes] : files) node.disk().install(path, bytes);
  GW_CHECK(node.run([&](godwit::runtime::Runtime& runtime) { return start(runtime, from); }),
           "a start comes to an end");
  return 0;
}
