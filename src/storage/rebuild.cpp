#include "storage/rebuild.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "storage/rebuild_facts.h"
#include "storage/rebuild_scan.h"
#include "storage/segment_name.h"
#include "storage/unknown_folders.h"

namespace godwit::storage {
namespace {

class Rebuild {
 public:
  Rebuild(StoreContext& context, RebuildSource synced, RebuildSource relaxed, Checkpoint older)
      : context_(context), files_(context.runtime.files()), synced_(synced), relaxed_(relaxed) {
    out_.journal = synced.last;
    out_.relaxed = relaxed.last;
    out_.next_file_id = older.next_file_id;
    out_.to_remove = std::move(older.to_remove);
    for (const LogState& state : older.logs) facts_[state.id] = LogFacts::of(state);
  }

  runtime::Task<Result<Checkpoint>> run() {
    if (auto learned = learn(); !learned) co_return fail(std::move(learned).error());
    GW_TRY(co_return, co_await write_again(synced_, false));
    GW_TRY(co_return, co_await write_again(relaxed_, true));
    handles_.clear();
    GW_TRY(co_return, co_await list_files());
    GW_TRY(co_return, co_await files_.sync_filesystem(context_.options.directory));
    for (const auto& [id, facts] : facts_) {
      if (!facts.dropped) on_disk_[id];
    }
    for (const auto& [id, names] : on_disk_) GW_TRY(co_return, co_await rebuild_log(id, names));
    std::ranges::sort(out_.to_remove);
    const auto twice = std::ranges::unique(out_.to_remove);
    out_.to_remove.erase(twice.begin(), twice.end());
    co_return std::move(out_);
  }

 private:
  struct Item {
    std::variant<DataRecord, StructureRecord> record;
    PayloadPlace payload;
    bool relaxed = false;
    const RecordHead& head() const {
      if (const auto* data = std::get_if<DataRecord>(&record)) return data->head;
      return head_of(std::get<StructureRecord>(record));
    }
  };

  void saw_file(FileId file) { out_.next_file_id = std::max(out_.next_file_id, FileId(file.value() + 1)); }

  // Brings the entries of both journals in order, by log, as replay does.
  Result<void> learn() {
    std::map<TopicPartition, std::vector<Item>> by_log;
    for (const bool relaxed : {false, true}) {
      const RebuildSource& source = relaxed ? relaxed_ : synced_;
      if (source.entries == nullptr) continue;
      for (const RecoveredEntry& entry : *source.entries) {
        const auto kind = static_cast<EntryKind>(entry.kind);
        if (kind == EntryKind::file_ids) {
          const auto ids = decode_file_ids(entry.meta);
          if (!ids) return fail(ids.error());
          out_.next_file_id = std::max(out_.next_file_id, ids->below);
          continue;
        }
        Item item{.record = {}, .payload = entry.payload, .relaxed = relaxed};
        if (kind == EntryKind::data) {
          auto data = decode_data(entry.meta);
          if (!data) return fail(std::move(data).error());
          saw_file(data->file);
          item.record = std::move(*data);
        } else {
          auto record = decode_structure(kind, entry.meta);
          if (!record) return fail(std::move(record).error());
          item.record = std::move(*record);
        }
        by_log[item.head().id()].push_back(std::move(item));
      }
    }
    for (auto& [id, items] : by_log) {
      std::ranges::stable_sort(items, {}, [](const Item& item) {
        return std::pair(item.head().incarnation, item.head().version);
      });
      LogFacts& facts = facts_[id];
      for (const Item& item : items) {
        if (const auto* data = std::get_if<DataRecord>(&item.record)) {
          facts.apply(*data);
        } else {
          facts.apply(std::get<StructureRecord>(item.record));
        }
      }
      for (const auto& [file, known] : facts.files) saw_file(file);
      if (facts.dropped) continue;
      for (const Item& item : items) {
        const auto* data = std::get_if<DataRecord>(&item.record);
        if (data == nullptr || data->head.incarnation != facts.incarnation || facts.is_gone(data->file))
          continue;
        (item.relaxed ? again_relaxed_ : again_synced_)
            .push_back({id, data->file, data->position, item.payload});
      }
    }
    return {};
  }

  struct Again {
    TopicPartition log;
    FileId file;
    Position position;
    PayloadPlace payload;
  };

  runtime::Task<Result<void>> write_again(RebuildSource source, bool relaxed) {
    const std::vector<Again>& again = relaxed ? again_relaxed_ : again_synced_;
    if (again.empty()) co_return {};
    std::vector<PayloadPlace> places;
    for (const Again& one : again) places.push_back(one.payload);
    Result<void> outcome;
    auto take = [this, &again, &outcome](std::vector<ReadPayload> payloads) -> runtime::Task<void> {
      for (const ReadPayload& payload : payloads) {
        const Again& one = again[payload.index];
        if (!outcome) co_return;
        if (!payload_is_whole(one.payload, payload.bytes)) continue;  // what it held is missing then
        auto file = co_await handle_of(one.log, one.file);
        if (!file) {
          outcome = fail(std::move(file).error());
          co_return;
        }
        const BytesView bytes = payload.bytes;
        if (auto written = co_await (*file)->write_at(one.position.value(), {&bytes, 1}); !written) {
          outcome = std::move(written);
        }
        journalled_[{one.log, one.file}].add(one.position, one.position + bytes.size());
      }
    };
    co_await source.journal->read_payloads(std::move(places), take);
    co_return outcome;
  }

  runtime::Task<Result<std::shared_ptr<runtime::File>>> handle_of(const TopicPartition log, FileId file) {
    const auto key = std::pair(log, file);
    if (const auto found = handles_.find(key); found != handles_.end()) co_return found->second;
    GW_TRY(co_return, co_await files_.make_directory(context_.topic_folder(log.topic)));
    GW_TRY(co_return, co_await files_.make_directory(context_.folder_of(log)));
    auto opened = co_await files_.open(context_.folder_of(log) + "/" + segment_name(file),
                                       {.write = true, .create = runtime::OpenOptions::Create::if_missing});
    if (!opened) co_return fail(std::move(opened).error());
    // Those in use elsewhere stay open as long as they are.
    if (handles_.size() >= 256) handles_.clear();
    std::shared_ptr<runtime::File> handle = std::move(*opened);
    handles_[key] = handle;
    co_return handle;
  }

  runtime::Task<Result<void>> list_files() {
    const auto topics = co_await files_.list(context_.topics_folder());
    if (!topics) co_return fail(topics.error());
    std::set<std::string> folders{context_.options.directory, context_.topics_folder()};
    for (const auto& topic : *topics) {
      const auto id = Uuid::parse(topic.name);
      if (!topic.is_directory || !id) continue;
      const std::string folder = context_.topics_folder() + "/" + topic.name;
      const auto partitions = co_await files_.list(folder);
      if (!partitions) co_return fail(partitions.error());
      folders.insert(folder);
      for (const auto& partition : *partitions) {
        const auto index = parse_partition_folder(partition.name);
        if (!partition.is_directory || !index) continue;
        const auto names = co_await files_.list(folder + "/" + partition.name);
        if (!names) co_return fail(names.error());
        folders.insert(folder + "/" + partition.name);
        for (const auto& name : *names) {
          const auto file = parse_segment_name(name.name);
          if (!file) continue;
          saw_file(*file);
          on_disk_[TopicPartition{*id, *index}].push_back(*file);
        }
      }
    }
    for (const std::string& folder : folders) GW_TRY(co_return, co_await files_.sync_directory(folder));
    co_return {};
  }

  runtime::Task<Result<void>> rebuild_log(TopicPartition id, std::vector<FileId> names) {
    const LogFacts& facts = facts_[id];
    std::vector<FoundFile> found;
    for (const FileId file : names) {
      if (facts.dropped || facts.is_gone(file)) {
        out_.to_remove.push_back({id.topic, id.partition, file});
        continue;
      }
      const auto known = facts.files.find(file);
      const auto ranges = journalled_.find({id, file});
      auto scanned = co_await scan_segment(files_, context_.folder_of(id), file,
                                           known == facts.files.end() ? std::nullopt : known->second.base,
                                           ranges == journalled_.end() ? JournalledRanges() : ranges->second);
      if (!scanned) co_return fail(std::move(scanned).error());
      found.push_back(std::move(*scanned));
    }
    if (facts.dropped) co_return {};
    const int64_t now = runtime::Shard::current()->wall_now().ms;
    std::vector<FileId> unused;
    settle_files(facts, found, unused);
    GW_TRY(co_return, co_await split_at_holes(id, found));
    const FileId fresh = out_.next_file_id;
    saw_file(fresh);
    LogState state = assemble_log(id, facts, found, fresh, now);
    // What is damaged is not thrown away: such files stay where they are, and orphans are put aside later.
    context_.diagnostics.emit({Severity::warning,
                               "log.rebuilt",
                               "a log was put together from its segment files and the journal",
                               {{"partition", context_.folder_of(id)},
                                {"start", to_string(state.start)},
                                {"end", to_string(state.end)},
                                {"segments", std::to_string(state.segments.size() - 1)},
                                {"damaged_ranges", std::to_string(state.damages.size())}}});
    out_.logs.push_back(std::move(state));
    co_return {};
  }

  // Where something in the middle of a file is left out, what comes behind it goes to a new file: the bytes of the one that
  // is there would be read as what they are not. After a crash the new file is found, and has the same batches.
  runtime::Task<Result<void>> split_at_holes(TopicPartition id, std::vector<FoundFile>& found) {
    std::vector<FoundFile> pieces;
    for (FoundFile& file : found) {
      Position at;
      std::vector<FoundFile> own{FoundFile{.id = file.id, .compacted = file.compacted}};
      own.front().damaged = std::move(file.damaged);
      for (const FoundBatch& batch : file.batches) {
        if (batch.begin != at) {
          own.push_back(FoundFile{.id = out_.next_file_id, .compacted = file.compacted});
          saw_file(out_.next_file_id);
        }
        own.back().batches.push_back(batch);
        at = batch.end;
      }
      for (size_t i = 1; i < own.size(); ++i) {
        GW_TRY(co_return, co_await copy_piece(id, file.id, own[i]));
      }
      std::ranges::move(own, std::back_inserter(pieces));
    }
    if (pieces.size() != found.size()) {
      GW_TRY(co_return, co_await files_.sync_directory(context_.folder_of(id)));
      GW_TRY(co_return, co_await files_.sync_filesystem(context_.options.directory));
    }
    found = std::move(pieces);
    co_return {};
  }

  // Copies the batches, which lie one behind the other in file `from`, and moves them to the start.
  runtime::Task<Result<void>> copy_piece(TopicPartition id, FileId from, FoundFile& piece) {
    constexpr size_t kAtOnce = 1 << 20;
    const std::string folder = context_.folder_of(id);
    auto source =
        co_await files_.open(folder + "/" + segment_name(from), {.lane = runtime::OpenOptions::Lane::read});
    if (!source) co_return fail(std::move(source).error());
    auto target = co_await handle_of(id, piece.id);
    if (!target) co_return fail(std::move(target).error());
    const Position begin = piece.batches.front().begin;
    const uint64_t size = piece.batches.back().end - begin;
    Bytes buffer;
    for (uint64_t done = 0; done < size; done += buffer.size()) {
      buffer.resize(std::min<uint64_t>(kAtOnce, size - done));
      const auto read = co_await (*source)->read_at(begin.value() + done, buffer);
      if (!read) co_return fail(read.error());
      if (*read != buffer.size()) co_return fail(ErrorKind::io, "a segment file became shorter");
      const BytesView view = buffer;
      GW_TRY(co_return, co_await (*target)->write_at(done, {&view, 1}));
    }
    for (FoundBatch& batch : piece.batches) {
      batch.begin = Position(batch.begin - begin);
      batch.end = Position(batch.end - begin);
    }
    co_return {};
  }

  StoreContext& context_;
  runtime::FileSystem& files_;
  RebuildSource synced_;
  RebuildSource relaxed_;
  Checkpoint out_;
  std::map<TopicPartition, LogFacts> facts_;
  std::map<TopicPartition, std::vector<FileId>> on_disk_;
  // What was written again; only once, or the same twice.
  std::map<std::pair<TopicPartition, FileId>, JournalledRanges> journalled_;
  std::vector<Again> again_synced_;
  std::vector<Again> again_relaxed_;
  std::map<std::pair<TopicPartition, FileId>, std::shared_ptr<runtime::File>> handles_;
};

}  // namespace

runtime::Task<Result<Checkpoint>> rebuild_checkpoint(StoreContext& context, RebuildSource synced,
                                                     RebuildSource relaxed, Checkpoint older) {
  Rebuild rebuild(context, synced, relaxed, std::move(older));
  co_return co_await rebuild.run();
}

}  // namespace godwit::storage
