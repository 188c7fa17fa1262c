#include "storage/unknown_folders.h"

#include <charconv>

namespace godwit::storage {

std::optional<PartitionIndex> parse_partition_folder(const std::string& name) {
  int32_t index = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size() || index < 0) return std::nullopt;
  return PartitionIndex(index);
}

std::optional<FileId> parse_segment_name(std::string_view name) {
  if (name.size() != 20 || !name.ends_with(".log")) return std::nullopt;
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 16, id, 16);
  if (error != std::errc() || end != name.data() + 16) return std::nullopt;
  return FileId(id);
}

namespace {

class PutAside {
 public:
  PutAside(StoreContext& context, FileId below)
      : context_(context), files_(context.runtime.files()), below_(below) {}

  runtime::Task<void> run(std::function<runtime::Task<KnownFiles>()> known) {
    co_await list();
    if (found_.empty()) co_return;
    const KnownFiles ours = co_await known();
    for (const Found& folder : found_) {
      const auto there = folder.id ? ours.find(*folder.id) : ours.end();
      if (there == ours.end()) {
        co_await move_folder(folder);
        continue;
      }
      for (const FileId file : folder.files) {
        if (!there->second.contains(file)) co_await move_file(folder, file);
      }
    }
  }

 private:
  struct Found {
    std::string topic;
    std::string partition;
    std::optional<TopicPartition> id;  // empty: no name of ours
    std::vector<FileId> files;         // old enough to be judged
    std::string path(const StoreContext& context) const {
      return context.topics_folder() + "/" + topic + "/" + partition;
    }
  };

  runtime::Task<void> list() {
    const auto topics = co_await files_.list(context_.topics_folder());
    if (!topics) co_return;
    for (const auto& topic : *topics) {
      if (!topic.is_directory) continue;
      const auto id = Uuid::parse(topic.name);
      const auto partitions = co_await files_.list(context_.topics_folder() + "/" + topic.name);
      if (!partitions) continue;
      for (const auto& partition : *partitions) {
        if (!partition.is_directory) continue;
        const auto index = parse_partition_folder(partition.name);
        Found folder{topic.name,
                     partition.name,
                     id && index ? std::optional(TopicPartition{*id, *index}) : std::nullopt,
                     {}};
        const auto names = co_await files_.list(folder.path(context_));
        if (!names) continue;
        for (const auto& name : *names) {
          const auto file = parse_segment_name(name.name);
          if (file && *file < below_) folder.files.push_back(*file);
        }
        found_.push_back(std::move(folder));
      }
    }
  }

  runtime::Task<bool> move(std::string from, std::string name) {
    const std::string aside = context_.options.directory + "/set-aside";
    const std::string to = aside + "/" + name;
    (void)co_await files_.make_directory(aside);
    if (const auto there = co_await files_.exists(to); !there || *there) co_return false;
    if (!co_await files_.rename(from, to)) co_return false;
    context_.diagnostics.emit(
        {Severity::warning,
         "storage.set_aside",
         "what this broker does not know was put aside; delete it when it is not needed",
         {{"was", from}, {"now", to}}});
    co_return true;
  }

  runtime::Task<void> move_folder(const Found& folder) {
    // What a drop left empty.
    if (co_await files_.remove_directory(folder.path(context_))) co_return;
    (void)co_await move(folder.path(context_), folder.topic + "-" + folder.partition);
  }

  runtime::Task<void> move_file(const Found& folder, FileId file) {
    const std::string path = folder.path(context_) + "/";
    if (!co_await move(path + segment_name(file),
                       folder.topic + "-" + folder.partition + "-" + segment_name(file)))
      co_return;
    // It can be built again.
    (void)co_await files_.remove(path + index_name(file));
  }

  StoreContext& context_;
  runtime::FileSystem& files_;
  FileId below_;
  std::vector<Found> found_;
};

}  // namespace

runtime::Task<void> put_unknown_folders_aside(StoreContext& context, FileId below,
                                              std::function<runtime::Task<KnownFiles>()> known) {
  PutAside aside(context, below);
  co_await aside.run(std::move(known));
}

}  // namespace godwit::storage
