// Folders below topics/, and files in them, of which neither checkpoint nor journal knows anything: put aside, never deleted (rule
// 13). Looked for in the background, after the start.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "runtime/task.h"
#include "storage/segment_file.h"
#include "storage/store_context.h"

namespace godwit::storage {

// The partition that a folder of a topic is of; empty: its name is none of ours.
std::optional<PartitionIndex> parse_partition_folder(const std::string& name);

// The id in a segment file's name; empty for every other name.
std::optional<FileId> parse_segment_name(std::string_view name);

// The files of each partition with a log, and of those whose files are still to be removed.
using KnownFiles = std::map<TopicPartition, std::set<FileId>>;

// Moves unknown partition folders to set-aside/, and segment files in known folders that are no log's: what a crash left
// of a compaction or a repair that came to no record. `known` is asked after the folders were listed. Only files with an id
// smaller than `below`, the smallest that this process gives, are looked at: nobody makes such a file any more.
runtime::Task<void> put_unknown_folders_aside(StoreContext& context, FileId below,
                                              std::function<runtime::Task<KnownFiles>()> known);

}  // namespace godwit::storage
