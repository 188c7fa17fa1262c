// Recovery from arbitrary bytes in a journal file: it ends, in bounded memory, and delivers only what its
// checksums cover. The fuzzer cannot guess a CRC: the first byte chooses whether headers, and fronts, are made
// right before the journal is opened. Most of a file is payload and padding, so every other mutation is one of a number of a
// round's header or table.
#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "runtime/sim/node.h"
#include "runtime/sim/random.h"
#include "storage/journal/make_file.h"

namespace godwit::storage::journal {
namespace {

using runtime::Runtime;
using runtime::Task;

constexpr size_t kInputMax = 1 << 16;
volatile uint8_t touched;

uint32_t checksum_of_header(const std::byte* at) {
  return crc32c_extend(crc32c({at, 8}), {at + 12, kHeaderBytes - 12});
}

// Makes what looks like a header at a block's start right; with `fronts` its front too.
void mend(Bytes& file, bool fronts) {
  for (uint64_t at = 0; at + kBlock <= file.size(); at += kBlock) {
    std::byte* const header = file.data() + at;
    if (as_text({header, 4}) != "godw") continue;
    std::memcpy(header, "godwit-j", 8);
    store_little<uint16_t>(header + 12, kVersion);
    store_little(header + 24, uint64_t{1});
    store_little(header + 32, at);
    const auto front = load_little<uint32_t>(header + 84);
    if (fronts && front <= file.size() - at - kHeaderBytes) {
      store_little(header + 92, crc32c({header + kHeaderBytes, front}));
    }
    store_little(header + 8, checksum_of_header(header));
  }
}

// Another number in the place of `value`: near it, small, a power of two, or any.
uint32_t draw_number(runtime::sim::SeededRandom& random, uint32_t value) {
  switch (random.below(6)) {
    case 0:
      return value + 1;
    case 1:
      return value - 1;
    case 2:
      return 2 * value;
    case 3:
      return static_cast<uint32_t>(random.below(256));
    case 4:
      return uint32_t{1} << random.below(32);
    default:
      return static_cast<uint32_t>(random.next());
  }
}

// Changes a number of a header, or of the table behind it, of one of the rounds in `file`. False where there is none.
bool mutate_round(MutableBytes file, runtime::sim::SeededRandom& random) {
  std::vector<MutableBytes> rounds;
  for (size_t at = 0; at + kHeaderBytes <= file.size(); at += kBlock) {
    if (as_text(BytesView(file).subspan(at, 4)) == "godw") rounds.push_back(file.subspan(at));
  }
  if (rounds.empty()) return false;
  const MutableBytes round = rounds[random.below(rounds.size())];
  const size_t table_max = (round.size() - kHeaderBytes) / kTableEntryBytes;
  const size_t entries = std::min<size_t>(load_little<uint32_t>(round.data() + 80), table_max);
  // Version and kind are the first behind the checksum.
  size_t from = 12;
  size_t to = kHeaderBytes;
  if (entries > 0 && random.below(2) == 0) {
    from = kHeaderBytes;
    to = kHeaderBytes + entries * kTableEntryBytes;
  }
  std::byte* const at = round.data() + from + random.below((to - from) / sizeof(uint32_t)) * sizeof(uint32_t);
  store_little(at, draw_number(random, load_little<uint32_t>(at)));
  return true;
}

Task<void> recover_and_touch(Runtime& runtime) {
  JournalOptions options;
  options.directory = "/journal";
  options.round_bytes_max = 8 << 10;
  options.first_file_bytes = options.file_bytes = 16 << 10;
  options.files_min = 2;
  runtime::Shard& shard = runtime.add_shard({"journal", true});
  RecordingSink sink;
  auto opened = co_await shard.call(
      [&] { return Journal::open(options, runtime.files(), shard, runtime.shard(0), sink); });
  if (!opened) co_return;
  Sequence before;
  uint8_t sum = 0;
  for (const RecoveredEntry& entry : opened->entries) {
    GW_CHECK(entry.sequence >= before, "rounds are delivered in order");
    before = entry.sequence;
    for (const std::byte byte : entry.meta) sum ^= std::to_integer<uint8_t>(byte);
    GW_CHECK(entry.payload.size <= kInputMax, "no payload is larger than the file");
    Bytes payload(entry.payload.size);
    GW_CHECK(co_await opened->journal->read_payload(entry.payload, payload), "what is delivered is readable");
  }
  touched = sum;
  const auto next = co_await opened->journal->write({});
  GW_CHECK(next && *next > before, "a new round is above all that was found");
  co_await opened->journal->close();
}

}  // namespace
}  // namespace godwit::storage::journal

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max, unsigned seed) {
  using namespace godwit;
  runtime::sim::SeededRandom random(seed);
  const auto file = std::as_writable_bytes(std::span(data, size)).subspan(size > 0 ? 1 : 0);
  if (random.below(2) == 0 || !storage::journal::mutate_round(file, random)) {
    return LLVMFuzzerMutate(data, size, size_max);
  }
  // Without right checksums it is the same refusal as all others.
  if (random.below(4) != 0) data[0] = 2;
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  using namespace godwit::storage::journal;
  if (size < 2 || size > kInputMax) return 0;
  Bytes file(reinterpret_cast<const std::byte*>(data + 1), reinterpret_cast<const std::byte*>(data + size));
  file.resize(round_up(file.size()));
  if (data[0] % 4 != 0) mend(file, data[0] % 4 >= 2);
  runtime::sim::World world(1);
  runtime::sim::Node& node = world.add_node("a");
  node.disk().install("/journal/" + file_name(1), file);
  GW_CHECK(node.run([](runtime::Runtime& runtime) { return recover_and_touch(runtime); }), "recovery ends");
  return 0;
}
