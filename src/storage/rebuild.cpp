#include "storage/rebuild.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/crc32c.h"
#include "base/endian.h"
#include "record/batches.h"
#include "storage/rebuild_facts.h"
#include "storage/segment_check.h"
#include "storage/segment_index.h"
#include "storage/segment_index_file.h"
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
      auto scanned = co_await scan(id, file);
      if (!scanned) co_return fail(std::move(scanned).error());
      found.push_back(std::move(*scanned));
    }
    if (facts.dropped) co_return {};
    const int64_t now = runtime::Shard::current()->wall_now().ms;
    std::vector<FileId> unused;
    const FileId fresh = out_.next_file_id;
    saw_file(fresh);
    LogState state = assemble_log(id, facts, std::move(found), fresh, now, unused);
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

  // All whole batches from the start of the file on.
  runtime::Task<Result<FoundFile>> scan(TopicPartition id, FileId file) {
    constexpr size_t kRead = 4 << 20;
    const std::string folder = context_.folder_of(id);
    FoundFile found{.id = file};
    const auto index = co_await runtime::read_file(files_, folder + "/" + index_name(file), size_t{64} << 20);
    const auto base = index ? base_in_index(*index, file) : std::nullopt;
    if (index) found.compacted = index_says_compacted(*index, file);
    auto handle =
        co_await files_.open(folder + "/" + segment_name(file), {.lane = runtime::OpenOptions::Lane::read});
    if (!handle) co_return fail(std::move(handle).error());
    const auto size = co_await (*handle)->size();
    if (!size) co_return fail(size.error());
    const SegmentInfo info{
        .id = file, .base = base.value_or(Offset(0)), .end = Position(*size), .compacted = found.compacted};
    WalkState walk = WalkState::start_of(info);
    walk.exact = base && !found.compacted;
    Bytes window;
    uint64_t window_at = 0;
    // Makes the window hold [position, position + count); false where the file or the device ends.
    const auto hold = [&](uint64_t position, size_t count) -> runtime::Task<bool> {
      if (position >= window_at && position + count <= window_at + window.size()) co_return true;
      if (position + count > *size) co_return false;
      window.resize(std::min<uint64_t>(std::max(count, kRead), *size - position));
      window_at = position;
      const auto read = co_await (*handle)->read_at(position, window);
      if (!read) {
        // Only as much as must be there: a bad block behind it is another batch's.
        window.resize(count);
        const auto less = co_await (*handle)->read_at(position, window);
        if (!less) window.clear();
        co_return less&&* less == count;
      }
      window.resize(*read);
      co_return *read >= count;
    };
    while (co_await hold(walk.position.value(), kBatchHeaderSize)) {
      const auto at = BytesView(window).subspan(walk.position.value() - window_at);
      const auto header = check_header(info, walk, at);
      if (!header || !co_await hold(walk.position.value(), header->total_size())) break;
      const auto whole = BytesView(window).subspan(walk.position.value() - window_at, header->total_size());
      const auto batch = BatchView::parse(whole);
      if (!batch || !batch->crc_matches()) break;
      walk = walk.after(*header, info);
      found.batches.push_back({.base = header->base_offset,
                               .next = header->next_offset(),
                               .end = walk.position,
                               .epoch = header->leader_epoch,
                               .timestamp_max = header->max_timestamp_ms,
                               .producer_id = header->producer_id,
                               .producer_epoch = header->producer_epoch,
                               .first_sequence = header->base_sequence,
                               .last_sequence = header->last_sequence()});
    }
    co_return found;
  }

  StoreContext& context_;
  runtime::FileSystem& files_;
  RebuildSource synced_;
  RebuildSource relaxed_;
  Checkpoint out_;
  std::map<TopicPartition, LogFacts> facts_;
  std::map<TopicPartition, std::vector<FileId>> on_disk_;
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
