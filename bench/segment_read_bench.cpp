// Cold sequential reading of a segment on the real disk: MB/s and CPU seconds per GB.
//
//   segment_read_bench FOLDER [MiB]
//
// Makes a segment of 1 MiB and one of 16 KiB batches there and reads each several times.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/endian.h"
#include "record/batch_builder.h"
#include "runtime/real/real_runtime.h"
#include "storage/segment_file.h"

namespace godwit::storage {
namespace {

using runtime::Runtime;
using runtime::Task;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Watch {
 public:
  void tell(const char* what, double bytes) const {
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double cpu = cpu_seconds() - cpu_;
    std::printf("%-44s %7.0f MB/s  %.3f CPU s/GB\n", what, bytes / wall / 1e6, cpu / (bytes / 1e9));
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double cpu_ = cpu_seconds();
};

Bytes batch_of(size_t bytes) {
  BatchBuilder builder({});
  std::string value(1000, 'x');
  uint64_t random = 88172645463325252ULL;
  do {
    for (char& c : value) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      c = static_cast<char>(random);
    }
    builder.add({.timestamp_ms = 1'700'000'000'000, .value = as_bytes(value)});
  } while (builder.uncompressed_size() + 1020 < bytes);
  return builder.build().value();
}

struct Made {
  SegmentInfo info;
  Offset next;
};

Task<Result<Made>> make(Runtime& runtime, FileCache& cache, std::string folder, FileId id, size_t batch_bytes,
                        uint64_t bytes) {
  const std::string path = folder + "/" + segment_name(id);
  (void)co_await runtime.files().remove(path);
  (void)co_await runtime.files().remove(folder + "/" + index_name(id));
  GW_TRY(co_return, co_await SegmentWriter::create(runtime.files(), path));
  SegmentWriter writer(cache, path, Position(0), 64 << 20);
  runtime::AlignedBuffer buffer(1 << 20);
  size_t filled = 0;
  Bytes batch = batch_of(batch_bytes);
  Made made{.info = {.id = id, .base = Offset(0), .end = Position(0), .sealed = true}, .next = Offset(0)};
  const Watch watch;
  while (made.info.end.value() < bytes) {
    store_big<int64_t>(batch.data(), made.next.value());
    made.next = BatchHeader::load(batch).next_offset();
    made.info.end += batch.size();
    for (BytesView rest = batch; !rest.empty();) {
      const size_t count = std::min(rest.size(), buffer.size() - filled);
      std::memcpy(buffer.data() + filled, rest.data(), count);
      rest = rest.subspan(count);
      filled += count;
      if (filled < buffer.size()) continue;
      const BytesView view = buffer.view();
      GW_TRY(co_return, co_await writer.write({&view, 1}));
      filled = 0;
    }
  }
  std::memset(buffer.data() + filled, 0, buffer.size() - filled);
  const BytesView view = buffer.view().first((filled + 4095) / 4096 * 4096);
  GW_TRY(co_return, co_await writer.write({&view, 1}));
  GW_TRY(co_return, co_await writer.trim(made.info.end));
  GW_TRY(co_return, co_await runtime.files().sync_filesystem(folder));
  watch.tell("  written (1 MiB direct writes, one sync)", double(made.info.end.value()));
  co_return made;
}

Task<Result<void>> read(SegmentReader& reader, const Made& made, const char* what) {
  const Watch watch;
  Offset from(0);
  std::optional<Position> hint;
  while (from < made.next) {
    const auto part = co_await reader.read(from, 1 << 20, hint);
    if (!part) co_return fail(part.error());
    from = part->next;
    hint = part->next_position;
  }
  watch.tell(what, double(made.info.end.value()));
  co_return Result<void>();
}

Task<Result<void>> measure(Runtime& runtime, DiagnosticSink& sink, std::string folder, uint64_t bytes) {
  const auto cache = FileCache::create(runtime.files(), 16);
  const auto buffers = ReadBuffers::create(16 << 20);
  uint64_t id = 1;
  for (const size_t batch : {size_t{1} << 20, size_t{16} << 10}) {
    std::printf("%llu MiB of %zu KiB batches\n", static_cast<unsigned long long>(bytes >> 20), batch >> 10);
    const auto made = co_await make(runtime, *cache, folder, FileId(id), batch, bytes);
    if (!made) co_return fail(made.error());
    for (const char* what : {"  read, no index yet", "  read", "  read", "  read"}) {
      const auto reader = SegmentReader::create(*cache, buffers, folder, made->info, sink);
      GW_TRY(co_return, co_await read(*reader, *made, what));
      GW_TRY(co_return, co_await reader->write_index({}));
    }
    cache->forget(folder + "/" + segment_name(FileId(id)));
    (void)co_await runtime.files().remove(folder + "/" + segment_name(FileId(id)));
    (void)co_await runtime.files().remove(folder + "/" + index_name(FileId(id)));
    ++id;
  }
  co_return Result<void>();
}

Task<int> run(Runtime& runtime, DiagnosticSink& sink, std::string folder, uint64_t bytes) {
  const auto done = co_await measure(runtime, sink, std::move(folder), bytes);
  if (!done) std::fprintf(stderr, "%s\n", done.error().describe().c_str());
  co_return done ? 0 : 1;
}

}  // namespace
}  // namespace godwit::storage

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "segment_read_bench FOLDER [MiB]\n");
    return 2;
  }
  const uint64_t mib = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1024;
  godwit::RecordingSink sink;
  const auto runtime = godwit::runtime::make_real_runtime({.shards = 1}, sink);
  return runtime->run(godwit::storage::run(*runtime, sink, arguments[1], mib << 20));
}
