#include "storage/journal.h"

#include <algorithm>

#include "base/check.h"
#include "storage/journal/core.h"
#include "storage/journal/payload_reader.h"
#include "storage/journal/recovery.h"

namespace godwit::storage {
namespace {

using journal::Core;

// The journal as its users see it: every call goes to the core's shard.
class CoreJournal final : public Journal {
 public:
  explicit CoreJournal(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  runtime::Task<Result<Sequence>> write(std::vector<JournalEntry> entries) override {
    return core_->write(std::move(entries));
  }
  runtime::Task<Result<void>> release(Sequence through) override {
    auto core = core_;
    co_return co_await core->shard().call([core, through] { return core->release(through); });
  }
  runtime::Task<Result<void>> read_payload(PayloadPlace place, MutableBytes into) override {
    auto core = core_;
    co_return co_await core->shard().call([core, place, into] { return core->read_payload(place, into); });
  }
  runtime::Task<void> read_payloads(std::vector<PayloadPlace> places, TakePayloads take) override {
    auto core = core_;
    co_await journal::read_payloads(core->files(), core->options(), std::move(places), std::move(take),
                                    [core](uint64_t file) { core->distrust(file); });
  }
  void distrust(const PayloadPlace& place) override { core_->distrust(place.file); }
  Usage usage() const override { return core_->usage(); }
  runtime::Task<Result<void>> sync() override {
    auto core = core_;
    co_return co_await core->shard().call([core] { return core->sync(); });
  }
  std::optional<MonotonicTime> busy_since() const override { return core_->busy_since(); }
  runtime::Task<void> close() override {
    auto core = core_;
    co_await core->shard().call([core] { return core->close(); });
  }

 private:
  std::shared_ptr<Core> core_;
};

Result<JournalOptions> checked(JournalOptions options) {
  using journal::kBlock;
  if (options.round_bytes_max == 0 || options.round_bytes_max > (uint64_t{1} << 30)) {
    return fail(ErrorKind::invalid, "a journal's round has at most 1 GiB");
  }
  if (options.first_file_bytes % kBlock != 0 || options.file_bytes % kBlock != 0) {
    return fail(ErrorKind::invalid, "journal files have a multiple of 4096 bytes");
  }
  const uint64_t smallest = journal::round_up(options.round_bytes_max + journal::kHeaderBytes);
  options.first_file_bytes = std::max(options.first_file_bytes, smallest);
  options.file_bytes = std::max(options.file_bytes, smallest);
  options.files_min = std::max<size_t>(options.files_min, 2);
  return options;
}

runtime::Task<void> remove_leftovers(const JournalOptions& options, runtime::FileSystem& files,
                                     const std::vector<std::string>& names) {
  for (const std::string& name : names) (void)co_await files.remove(options.directory + "/" + name);
}

}  // namespace

runtime::Task<Result<Journal::Opened>> Journal::open(JournalOptions options, runtime::FileSystem& files,
                                                     runtime::Shard& shard, runtime::Shard& background,
                                                     DiagnosticSink& diagnostics) {
  GW_CHECK(runtime::Shard::current() == &shard, "a journal is opened on its own shard");
  auto usable = checked(std::move(options));
  if (!usable) co_return fail(usable.error());
  auto recovered = co_await journal::recover(*usable, files, background, diagnostics);
  if (!recovered) co_return fail(recovered.error());
  co_await remove_leftovers(*usable, files, recovered->leftovers);

  journal::FileSet set(usable->files_min, usable->file_bytes, usable->released);
  for (auto& file : recovered->files) {
    // One that was cut short takes the place of a whole one, and the journal would never have its room again.
    if (file.size < std::min(usable->first_file_bytes, usable->file_bytes)) file.retire = true;
    set.add(std::move(file));
  }
  const uint64_t smallest = journal::round_up(usable->round_bytes_max + journal::kHeaderBytes);
  uint64_t make_bytes = set.full(smallest) ? usable->first_file_bytes : 0;
  const uint64_t room = set.usage(recovered->last).free + set.missing() * usable->file_bytes;
  uint64_t reserve = usable->reserve_bytes;
  if (usable->reserve_more) reserve += usable->reserve_more(recovered->entries);
  if (room < reserve) {
    make_bytes = std::max(make_bytes, journal::round_up(reserve - room));
  }
  auto core = std::make_shared<Core>(
      std::move(*usable), files, shard, background, diagnostics, std::move(set),
      journal::StartPoint{recovered->last, recovered->next, recovered->marked}, recovered->next_file);
  if (make_bytes > 0) {
    if (const auto made = co_await core->make_first(make_bytes); !made) {
      if (made.error().kind != ErrorKind::no_space) co_return fail(made.error());
      diagnostics.emit({Severity::warning,
                        "journal.no_space",
                        "there is no space for a journal file: nothing can be published until there is",
                        {{"error", made.error().message}}});
    }
  }
  core->start();
  Opened opened;
  opened.entries = std::move(recovered->entries);
  opened.damages = std::move(recovered->damages);
  opened.last = recovered->last;
  opened.released_mark = recovered->released_mark;
  opened.journal = std::make_unique<CoreJournal>(std::move(core));
  co_return opened;
}

}  // namespace godwit::storage
