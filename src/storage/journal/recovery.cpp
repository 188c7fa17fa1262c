#include "storage/journal/recovery.h"

#include <algorithm>

#include "runtime/sync.h"
#include "storage/journal/make_file.h"

namespace godwit::storage::journal {
namespace {

// A round and where it was found.
struct Place {
  size_t file = 0;
  size_t round = 0;
};

class Recovery {
 public:
  Recovery(const JournalOptions& options, runtime::FileSystem& files, runtime::Shard& background,
           DiagnosticSink& diagnostics)
      : options_(options), files_(files), background_(background), diagnostics_(diagnostics) {}

  runtime::Task<Result<Recovered>> run() {
    GW_TRY(co_return, co_await scan_all());
    resolve_all();
    // What the marks do not vouch for is looked at; less may count then.
    if (co_await check_unmarked()) resolve_all();
    GW_TRY(co_return, co_await sync_unmarked());
    describe_damage();
    collect_entries();
    set_needs();
    sort_files();
    for (const JournalDamage& damage : out_.damages) report(damage);
    co_return std::move(out_);
  }

 private:
  runtime::Task<Result<void>> scan_all() {
    const auto listed = co_await files_.list(options_.directory);
    if (!listed) co_return fail(listed.error());
    std::vector<uint64_t> numbers;
    for (const auto& entry : *listed) {
      if (entry.is_directory) continue;
      if (const auto number = parse_file_name(entry.name)) numbers.push_back(*number);
      if (is_making_name(entry.name)) out_.leftovers.push_back(entry.name);
    }
    std::sort(numbers.begin(), numbers.end());
    std::vector<runtime::Task<Result<ScannedFile>>> scans;
    for (const uint64_t number : numbers)
      scans.push_back(background_.call([this, number] { return scan(number); }));
    auto scanned = co_await runtime::when_all(std::move(scans));
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (!scanned[i]) co_return fail(std::move(scanned[i]).error());
      GW_TRY(co_return, co_await keep(numbers[i], std::move(*scanned[i])));
    }
    if (!numbers.empty()) out_.next_file = numbers.back() + 1;
    co_return Result<void>();
  }

  std::string path_of(uint64_t number) const { return options_.directory + "/" + file_name(number); }

  runtime::Task<Result<std::unique_ptr<runtime::File>>> open(uint64_t number) {
    return open_file(files_, path_of(number), options_.mode == JournalOptions::Mode::synced,
                     runtime::OpenOptions::Lane::read, runtime::OpenOptions::Create::never);
  }

  // On the background shard, all files at once.
  runtime::Task<Result<ScannedFile>> scan(uint64_t number) {
    auto handle = co_await open(number);
    if (!handle) co_return fail(handle.error());
    co_return co_await scan_file(**handle, number, options_.released, options_.scan_payload_max);
  }

  // On the journal's shard, which the handle stays with.
  runtime::Task<Result<void>> keep(uint64_t number, ScannedFile scanned) {
    if (scanned.newer) {
      co_return fail(ErrorKind::unsupported, path_of(number) +
                                                 " was written by a newer version of godwit; start that "
                                                 "version, nothing was changed");
    }
    auto handle = co_await open(number);
    if (!handle) co_return fail(handle.error());
    const auto size = co_await (*handle)->size();
    if (!size) co_return fail(size.error());
    JournalFile file;
    file.number = number;
    file.size = *size / kBlock * kBlock;
    file.handle = std::move(*handle);
    file.recovered = true;
    // Trouble to read it once is reason enough not to write acknowledged data to it again.
    file.retire = !scanned.unreadable.empty() || scanned.ends_early || file.size == 0;
    out_.files.push_back(std::move(file));
    scanned_.push_back(std::move(scanned));
    co_return Result<void>();
  }

  // Reads the payloads above the highest mark that the scan left out. True when one is not whole.
  runtime::Task<bool> check_unmarked() {
    bool any = false;
    for (size_t f = 0; f < scanned_.size(); ++f) {
      std::vector<ScannedRound*> rounds;
      for (ScannedRound& round : scanned_[f].rounds) {
        if (round.unchecked && round.header.sequence > resolved_.synced) rounds.push_back(&round);
      }
      if (rounds.empty()) continue;
      ScannedFile& file = scanned_[f];
      const uint64_t number = out_.files[f].number;
      const size_t broken =
          co_await background_.call([this, number, &file, rounds]() -> runtime::Task<size_t> {
            auto handle = co_await open(number);
            if (!handle) {
              for (ScannedRound* round : rounds) round->intact = false;
              co_return rounds.size();
            }
            co_return co_await check_payloads(**handle, file, rounds);
          });
      if (broken > 0) any = true;
      if (!file.unreadable.empty()) out_.files[f].retire = true;
    }
    co_return any;
  }

  void resolve_all() {
    std::vector<SeenRound> seen;
    uint64_t unreadable_blocks = 0;
    places_.clear();
    for (size_t f = 0; f < scanned_.size(); ++f) {
      unreadable_blocks += scanned_[f].unreadable_blocks;
      for (size_t r = 0; r < scanned_[f].rounds.size(); ++r) {
        const ScannedRound& round = scanned_[f].rounds[r];
        const RoundHeader& h = round.header;
        seen.push_back({h.sequence, h.synced, h.start, h.follows, round.intact});
        places_.push_back({f, r});
        out_.released_mark = std::max(out_.released_mark, h.released);
      }
    }
    resolved_ = resolve(seen, options_.released, unreadable_blocks);
    // Rounds that a newer checkpoint than the caller's released may have been recycled: not damage of the journal.
    std::erase_if(resolved_.damage, [this](Hole& hole) {
      hole.first = std::max(hole.first, out_.released_mark + 1);
      return hole.first > hole.last;
    });
    out_.last = resolved_.last;
    out_.next = resolved_.next;
    out_.marked = std::min(resolved_.synced, resolved_.last);
  }

  const ScannedRound& at(size_t index) const {
    return scanned_[places_[index].file].rounds[places_[index].round];
  }

  // What is delivered is taken for durable from now on, so it must be: a killed process may have written a
  // round and not synced it.
  runtime::Task<Result<void>> sync_unmarked() {
    // A process that was killed between the renaming of a new file and the sync of its folder left a file that the next
    // power cut would take, with all that is written to it from now on.
    if (!out_.files.empty()) GW_TRY(co_return, co_await files_.sync_directory(options_.directory));
    std::vector<bool> sync(scanned_.size());
    for (const size_t index : resolved_.deliver) {
      if (at(index).header.sequence > resolved_.synced) sync[places_[index].file] = true;
    }
    for (size_t f = 0; f < sync.size(); ++f) {
      if (sync[f]) GW_TRY(co_return, co_await out_.files[f].handle->sync());
    }
    co_return Result<void>();
  }

  // The nearest place to where rounds first … last stood: a header that is still there, or the end of what
  // precedes them.
  void locate(const Hole& hole, JournalDamage& damage) const {
    const ScannedRound* best = nullptr;
    size_t best_file = 0;
    for (size_t index = 0; index < places_.size(); ++index) {
      const ScannedRound& round = at(index);
      if (round.header.sequence > hole.last) continue;
      if (best != nullptr && round.header.sequence <= best->header.sequence) continue;
      best = &round;
      best_file = places_[index].file;
    }
    if (best == nullptr) return;
    damage.file = out_.files[best_file].handle->path();
    damage.position = best->header.position;
    if (best->header.sequence < hole.first) damage.position += best->header.block_bytes();
  }

  void describe_damage() {
    for (const Hole& hole : resolved_.damage) {
      JournalDamage damage;
      damage.after = hole.first - 1;
      damage.before = hole.before;
      locate(hole, damage);
      damage.what = "rounds " + to_string(hole.first) + " to " + to_string(hole.last) +
                    " of the journal were acknowledged and cannot be read";
      out_.damages.push_back(std::move(damage));
    }
    for (size_t f = 0; f < scanned_.size(); ++f) {
      for (const Unreadable& range : scanned_[f].unreadable) describe_unreadable(f, range);
    }
  }

  void describe_unreadable(size_t f, const Unreadable& range) {
    JournalDamage damage;
    damage.file = out_.files[f].handle->path();
    damage.position = range.position;
    for (const ScannedRound& round : scanned_[f].rounds) {
      const Sequence sequence = round.header.sequence;
      if (round.header.position < range.position) {
        damage.after = std::max(damage.after, sequence);
      } else if (damage.before.value() == 0 || sequence < damage.before) {
        damage.before = sequence;
      }
    }
    damage.what = std::to_string(range.size) + " bytes of the journal cannot be read: " + range.error;
    out_.damages.push_back(std::move(damage));
  }

  void report(const JournalDamage& damage) {
    diagnostics_.emit({Severity::error,
                       "journal.damaged",
                       damage.what,
                       {{"path", damage.file},
                        {"position", std::to_string(damage.position)},
                        {"after", to_string(damage.after)},
                        {"before", to_string(damage.before)}}});
  }

  void collect_entries() {
    for (const size_t index : resolved_.deliver) {
      ScannedRound& round = scanned_[places_[index].file].rounds[places_[index].round];
      for (ScannedEntry& entry : round.entries) {
        out_.entries.push_back({round.header.sequence, entry.kind, std::move(entry.meta), entry.payload});
      }
    }
  }

  // A file is kept for the rounds that are delivered from it, and for what is named as damage in it.
  void set_needs() {
    for (const size_t index : resolved_.deliver) {
      JournalFile& file = out_.files[places_[index].file];
      const Sequence sequence = at(index).header.sequence;
      if (file.first.value() == 0 || sequence < file.first) file.first = sequence;
      file.last = std::max(file.last, sequence);
    }
    for (JournalFile& file : out_.files) {
      const bool damaged = std::any_of(out_.damages.begin(), out_.damages.end(), [&](const auto& damage) {
        return damage.file == file.handle->path();
      });
      if (damaged) file.keep_until = std::max(out_.last, options_.released + 1);
    }
  }

  void sort_files() {
    std::stable_sort(out_.files.begin(), out_.files.end(),
                     [](const auto& a, const auto& b) { return a.last < b.last; });
  }

  const JournalOptions& options_;
  runtime::FileSystem& files_;
  runtime::Shard& background_;
  DiagnosticSink& diagnostics_;
  std::vector<ScannedFile> scanned_;  // as out_.files, until those are sorted
  std::vector<Place> places_;         // of the rounds handed to resolve()
  Resolution resolved_;
  Recovered out_;
};

}  // namespace

runtime::Task<Result<Recovered>> recover(const JournalOptions& options, runtime::FileSystem& files,
                                         runtime::Shard& background, DiagnosticSink& diagnostics) {
  Recovery recovery(options, files, background, diagnostics);
  co_return co_await recovery.run();
}

}  // namespace godwit::storage::journal
