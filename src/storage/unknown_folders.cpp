#include "storage/unknown_folders.h"

#include <charconv>

namespace godwit::storage {

std::optional<PartitionIndex> parse_partition_folder(const std::string& name) {
  int32_t index = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size() || index < 0) return std::nullopt;
  return PartitionIndex(index);
}

runtime::Task<void> put_unknown_folders_aside(
    StoreContext& context, std::function<runtime::Task<std::set<TopicPartition>>()> known) {
  runtime::FileSystem& files = context.runtime.files();
  struct Found {
    std::string topic;
    std::string partition;
    std::optional<TopicPartition> id;  // empty: no name of ours
  };
  std::vector<Found> found;
  const auto topics = co_await files.list(context.topics_folder());
  if (!topics) co_return;
  for (const auto& topic : *topics) {
    if (!topic.is_directory) continue;
    const auto id = Uuid::parse(topic.name);
    const auto partitions = co_await files.list(context.topics_folder() + "/" + topic.name);
    if (!partitions) continue;
    for (const auto& partition : *partitions) {
      if (!partition.is_directory) continue;
      const auto index = parse_partition_folder(partition.name);
      found.push_back({topic.name, partition.name,
                       id && index ? std::optional(TopicPartition{*id, *index}) : std::nullopt});
    }
  }
  if (found.empty()) co_return;
  const std::set<TopicPartition> ours = co_await known();
  for (const Found& folder : found) {
    if (folder.id && ours.contains(*folder.id)) continue;
    const std::string from = context.topics_folder() + "/" + folder.topic + "/" + folder.partition;
    // What a drop left empty.
    if (co_await files.remove_directory(from)) continue;
    const std::string aside = context.options.directory + "/set-aside";
    const std::string to = aside + "/" + folder.topic + "-" + folder.partition;
    (void)co_await files.make_directory(aside);
    if (const auto there = co_await files.exists(to); !there || *there) continue;
    const auto moved = co_await files.rename(from, to);
    if (!moved) continue;
    context.diagnostics.emit(
        {Severity::warning,
         "storage.set_aside",
         "a folder of a partition that this broker does not know was put aside; delete it when "
         "it is not needed",
         {{"folder", from}, {"now", to}}});
  }
}

}  // namespace godwit::storage
