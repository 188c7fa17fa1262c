#include "storage/journal/payload_reader.h"

#include <algorithm>
#include <tuple>

#include "base/crc32c.h"
#include "runtime/sync.h"
#include "storage/journal/make_file.h"

namespace godwit::storage {

bool payload_is_whole(const PayloadPlace& place, BytesView bytes) {
#ifndef GODWIT_SEEDED_BUG_STORE
  return bytes.size() == place.size && crc32c(bytes) == place.checksum;
#else
  return bytes.size() == place.size;
#endif
}

namespace journal {
namespace {

// What is read at once, and how far apart neighbours may lie: reading what is between costs less than another read.
constexpr uint64_t kReadBytes = 2 << 20;
constexpr uint64_t kGapMax = 64 << 10;
constexpr size_t kReadsAtOnce = 4;

class BulkReader {
 public:
  BulkReader(runtime::FileSystem& files, const JournalOptions& options, std::vector<PayloadPlace> places,
             TakePayloads take, std::function<void(uint64_t)> distrust)
      : files_(files),
        options_(options),
        places_(std::move(places)),
        take_(std::move(take)),
        distrust_(std::move(distrust)) {}

  runtime::Task<void> run() {
    group();
    std::vector<runtime::Task<void>> workers;
    for (size_t i = 0; i < std::min(kReadsAtOnce, groups_.size()); ++i) workers.push_back(work());
    co_await runtime::when_all(std::move(workers));
  }

 private:
  // Payloads [first, last) of order_, which lie in blocks [begin, end) of one file.
  struct Group {
    uint64_t file = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
    size_t first = 0;
    size_t last = 0;
  };

  void group() {
    order_.resize(places_.size());
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = i;
    std::ranges::sort(order_, {},
                      [this](size_t i) { return std::tuple(places_[i].file, places_[i].position, i); });
    for (size_t i = 0; i < order_.size(); ++i) {
      const PayloadPlace& place = places_[order_[i]];
      const uint64_t begin = place.position / kBlock * kBlock;
      const uint64_t end = round_up(place.position + place.size);
      if (!groups_.empty()) {
        Group& last = groups_.back();
        if (last.file == place.file && begin <= last.end + kGapMax &&
            std::max(last.end, end) - last.begin <= kReadBytes) {
          last.end = std::max(last.end, end);
          last.last = i + 1;
          continue;
        }
      }
      groups_.push_back({place.file, begin, end, i, i + 1});
    }
  }

  runtime::Task<void> work() {
    runtime::AlignedBuffer buffer;
    std::unique_ptr<runtime::File> handle;
    uint64_t opened = 0;
    while (next_ < groups_.size()) {
      const Group& group = groups_[next_++];
      if (buffer.size() < group.end - group.begin) {
        buffer = runtime::AlignedBuffer(std::max(kReadBytes, group.end - group.begin));
      }
      if (!handle || opened != group.file) {
        auto file = co_await open_file(files_, options_.directory + "/" + file_name(group.file),
                                       options_.mode == JournalOptions::Mode::synced,
                                       runtime::OpenOptions::Lane::read, runtime::OpenOptions::Create::never);
        handle = file ? std::move(*file) : nullptr;
        opened = group.file;
      }
      co_await take_(co_await read(group, handle.get(), buffer));
    }
  }

  runtime::Task<std::vector<ReadPayload>> read(const Group& group, runtime::File* file,
                                               runtime::AlignedBuffer& buffer) {
    const uint64_t size = group.end - group.begin;
    std::vector<ReadPayload> out;
    out.reserve(group.last - group.first);
    const bool whole = file != nullptr && co_await fill(*file, group.begin, buffer.bytes().first(size));
    for (size_t i = group.first; i < group.last; ++i) {
      const PayloadPlace& place = places_[order_[i]];
      const uint64_t begin = place.position / kBlock * kBlock;
      const uint64_t end = round_up(place.position + place.size);
      // One bad block must not take its readable neighbours along.
      if (whole || (file != nullptr &&
                    co_await fill(*file, begin, buffer.bytes().subspan(begin - group.begin, end - begin)))) {
        out.push_back({order_[i], buffer.view().subspan(place.position - group.begin, place.size), {}});
      } else {
        out.push_back(
            {order_[i], {}, file_name(place.file) + " cannot be read at byte " + std::to_string(begin)});
        distrust_(place.file);
      }
    }
    co_return out;
  }

  static runtime::Task<bool> fill(runtime::File& file, uint64_t position, MutableBytes into) {
    const auto count = co_await file.read_at(position, into);
    co_return count&&* count == into.size();
  }

  runtime::FileSystem& files_;
  const JournalOptions& options_;
  const std::vector<PayloadPlace> places_;
  const TakePayloads take_;
  const std::function<void(uint64_t)> distrust_;
  std::vector<size_t> order_;
  std::vector<Group> groups_;
  size_t next_ = 0;
};

}  // namespace

runtime::Task<void> read_payloads(runtime::FileSystem& files, const JournalOptions& options,
                                  std::vector<PayloadPlace> places, TakePayloads take,
                                  std::function<void(uint64_t file)> distrust) {
  BulkReader reader(files, options, std::move(places), std::move(take), std::move(distrust));
  co_await reader.run();
}

}  // namespace journal
}  // namespace godwit::storage
