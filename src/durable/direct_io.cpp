#include "durable/direct_io.h"

#include <algorithm>

namespace godwit::durable {
namespace {

constexpr uint64_t kBuffer = 1 << 20;

}  // namespace

runtime::Task<Result<std::unique_ptr<runtime::File>>> open_direct(runtime::FileSystem& files,
                                                                  std::string path, bool write,
                                                                  runtime::OpenOptions::Create create) {
  runtime::OpenOptions options{.write = write, .create = create, .direct = true};
  auto file = co_await files.open(path, options);
  if (!file || kBlock % (*file)->alignment() == 0) co_return file;
  options.direct = false;
  options.create = runtime::OpenOptions::Create::never;
  co_return co_await files.open(std::move(path), options);
}

runtime::Task<Result<void>> write_blocks(runtime::File& file, uint64_t position,
                                         std::span<const BytesView> parts) {
  uint64_t total = 0;
  for (const BytesView part : parts) total += part.size();
  runtime::AlignedBuffer buffer(std::min(round_up(total), kBuffer));
  uint64_t filled = 0;
  for (BytesView part : parts) {
    while (!part.empty()) {
      const uint64_t count = std::min<uint64_t>(part.size(), buffer.size() - filled);
      std::memcpy(buffer.data() + filled, part.data(), count);
      part = part.subspan(count);
      filled += count;
      if (filled < buffer.size()) continue;
      const BytesView full = buffer.view();
      GW_TRY(co_return, co_await file.write_at(position, {&full, 1}));
      position += filled;
      filled = 0;
    }
  }
  if (filled == 0) co_return Result<void>();
  const uint64_t end = round_up(filled);
  std::memset(buffer.data() + filled, 0, end - filled);
  const BytesView rest = buffer.view().first(end);
  co_return co_await file.write_at(position, {&rest, 1});
}

runtime::Task<Result<uint64_t>> read_blocks(runtime::File& file, uint64_t position, MutableBytes into) {
  runtime::AlignedBuffer buffer(std::min<uint64_t>(round_up(into.size()), kBuffer));
  uint64_t done = 0;
  while (done < into.size()) {
    const uint64_t wanted = std::min<uint64_t>(buffer.size(), round_up(into.size() - done));
    const auto count = co_await file.read_at(position + done, buffer.bytes().first(wanted));
    if (!count) co_return fail(count.error());
    const uint64_t usable = std::min<uint64_t>(*count, into.size() - done);
    std::memcpy(into.data() + done, buffer.data(), usable);
    done += usable;
    if (*count < wanted) break;
  }
  co_return done;
}

}  // namespace godwit::durable
