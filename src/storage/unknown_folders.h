// Folders below topics/ of which neither checkpoint nor journal knows anything: put aside, never deleted (rule
// 13). Looked for in the background, after the start.
#pragma once

#include <set>

#include "runtime/task.h"
#include "storage/store_context.h"

namespace godwit::storage {

// The partition that a folder of a topic is of; empty: its name is none of ours.
std::optional<PartitionIndex> parse_partition_folder(const std::string& name);

// Moves unknown partition folders to set-aside/. `known` is asked after the folders were listed: all partitions
// with a log, and those whose files are still to be removed.
runtime::Task<void> put_unknown_folders_aside(StoreContext& context,
                                              std::function<runtime::Task<std::set<TopicPartition>>()> known);

}  // namespace godwit::storage
