#include "runtime/sim/disk_image.h"

#include <algorithm>
#include <set>

namespace godwit::runtime::sim {
namespace {

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else {
      parts.emplace_back(part);
    }
  }
  return parts;
}

auto missing(std::string_view path) {
  return fail(ErrorKind::not_found, std::string(path) + ": no such file or directory");
}

}  // namespace

std::string normal_path(std::string_view path) {
  std::string normal;
  for (const auto& part : parts_of(path)) normal += "/" + part;
  return normal.empty() ? "/" : normal;
}

bool DiskImage::NameChange::durable() const {
  return std::all_of(edits.begin(), edits.end(), [](const Edit& edit) { return edit.synced; });
}

DiskImage::DiskImage() {
  root_ = new_inode(true);
}

InodePtr DiskImage::new_inode(bool is_directory) {
  auto inode = std::make_shared<Inode>(++inodes_, is_directory);
  live_[inode->number()] = inode;
  return inode;
}

uint64_t DiskImage::used() const {
  uint64_t pages = 0;
  for (const auto& [number, inode] : live_) pages += inode->pages();
  return pages * Content::page_size;
}

Result<void> DiskImage::room_for(uint64_t pages) const {
  if (capacity == 0 || pages == 0 || used() + pages * Content::page_size <= capacity) return {};
  return fail(ErrorKind::no_space, "no space left on device");
}

Result<DiskImage::Place> DiskImage::locate(std::string_view path) const {
  const auto parts = parts_of(path);
  if (parts.empty()) return Place{nullptr, "", root_};
  InodePtr at = root_;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto next = at->names.find(parts[i]);
    if (next == at->names.end()) return missing(path);
    at = next->second;
    if (!at->is_directory()) return fail(ErrorKind::invalid, std::string(path) + ": not a directory");
  }
  const auto found = at->names.find(parts.back());
  return Place{at, parts.back(), found == at->names.end() ? nullptr : found->second};
}

Result<InodePtr> DiskImage::find(std::string_view path) const {
  auto place = locate(path);
  if (!place) return fail(place.error());
  if (place->inode == nullptr) return missing(path);
  return place->inode;
}

void DiskImage::change_names(std::vector<Edit> edits) {
  for (const auto& edit : edits) {
    if (edit.target == nullptr) {
      edit.directory->names.erase(edit.name);
    } else {
      edit.directory->names[edit.name] = edit.target;
    }
  }
  name_changes_.push_back({++sequence_, std::move(edits)});
}

void DiskImage::unlinked(const InodePtr& inode) {
  inode->unlinked = true;
  if (inode->open_count == 0) live_.erase(inode->number());
}

void DiskImage::closed(const InodePtr& inode) {
  GW_CHECK(inode->open_count > 0, "what is closed was open");
  if (--inode->open_count == 0 && inode->unlinked) live_.erase(inode->number());
}

Result<InodePtr> DiskImage::create_file(std::string_view path) {
  auto place = locate(path);
  if (!place) return fail(place.error());
  if (place->inode != nullptr) return fail(ErrorKind::exists, std::string(path) + ": exists");
  auto inode = new_inode(false);
  change_names({{place->directory, place->name, inode}});
  return inode;
}

Result<void> DiskImage::make_directory(std::string_view path) {
  auto place = locate(path);
  if (!place) return fail(place.error());
  if (place->inode != nullptr) {
    if (place->inode->is_directory()) return {};
    return fail(ErrorKind::exists, std::string(path) + ": is a file");
  }
  change_names({{place->directory, place->name, new_inode(true)}});
  return {};
}

Result<void> DiskImage::rename(std::string_view from, std::string_view to) {
  auto source = locate(from);
  if (!source) return fail(source.error());
  if (source->inode == nullptr || source->directory == nullptr) return missing(from);
  auto target = locate(to);
  if (!target) return fail(target.error());
  if (target->inode == source->inode) return {};
  if (target->directory == nullptr || (normal_path(to) + "/").starts_with(normal_path(from) + "/")) {
    return fail(ErrorKind::invalid, std::string(to) + ": cannot be replaced by " + std::string(from));
  }
  if (target->inode != nullptr) {
    if (target->inode->is_directory() != source->inode->is_directory() || !target->inode->names.empty()) {
      return fail(ErrorKind::invalid, std::string(to) + ": cannot be replaced by " + std::string(from));
    }
    unlinked(target->inode);
  }
  change_names(
      {{source->directory, source->name, nullptr}, {target->directory, target->name, source->inode}});
  return {};
}

Result<void> DiskImage::remove(std::string_view path) {
  auto place = locate(path);
  if (!place) return fail(place.error());
  if (place->inode == nullptr) return missing(path);
  if (place->inode->is_directory()) return fail(ErrorKind::invalid, std::string(path) + ": is a directory");
  unlinked(place->inode);
  change_names({{place->directory, place->name, nullptr}});
  return {};
}

Result<void> DiskImage::remove_directory(std::string_view path) {
  auto place = locate(path);
  if (!place) return fail(place.error());
  if (place->inode == nullptr) return missing(path);
  if (!place->inode->is_directory() || place->directory == nullptr) {
    return fail(ErrorKind::invalid, std::string(path) + ": not a directory that can be removed");
  }
  if (!place->inode->names.empty()) return fail(ErrorKind::conflict, std::string(path) + ": is not empty");
  unlinked(place->inode);
  change_names({{place->directory, place->name, nullptr}});
  return {};
}

Result<std::vector<DirectoryEntry>> DiskImage::list(std::string_view path) const {
  auto inode = find(path);
  if (!inode) return fail(inode.error());
  if (!(*inode)->is_directory()) return fail(ErrorKind::invalid, std::string(path) + ": not a directory");
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, entry] : (*inode)->names) {
    entries.push_back({name, entry->is_directory(), entry->current().size()});
  }
  return entries;
}

Result<void> DiskImage::write(const InodePtr& inode, uint64_t position, BytesView bytes,
                              SeededRandom& random) {
  auto room = room_for(capacity == 0 ? 0 : inode->pages_missing(position, bytes.size()));
  if (!room) {
    // A part may be there: whole pages, up to where the space ends.
    const uint64_t free = capacity > used() ? (capacity - used()) / Content::page_size : 0;
    size_t fits = 0;
    while (fits < bytes.size()) {
      const size_t more =
          std::min(bytes.size(), fits + Content::page_size - (position + fits) % Content::page_size);
      if (inode->pages_missing(position, more) > free) break;
      fits = more;
    }
    bytes = bytes.first(random.coin() ? fits : 0);
    if (bytes.empty()) return room;
  }
  if (bytes.empty()) return room;
  inode->write(++sequence_, position, bytes);
  mark_unsynced(inode);
  return room;
}

Result<void> DiskImage::allocate(const InodePtr& inode, uint64_t size) {
  GW_TRY(return, room_for(inode->pages_missing_to_allocate(size)));
  inode->allocate(++sequence_, size);
  mark_unsynced(inode);
  return {};
}

void DiskImage::truncate(const InodePtr& inode, uint64_t size) {
  inode->truncate(++sequence_, size);
  mark_unsynced(inode);
}

void DiskImage::sync(const InodePtr& inode, uint64_t sequence) {
  inode->sync(sequence);
  if (!inode->has_unsynced()) unsynced_.erase(inode->number());
}

void DiskImage::sync_failed(const InodePtr& inode, uint64_t sequence, SeededRandom& random) {
  inode->sync_failed(sequence, random);
  mark_unsynced(inode);
}

Result<void> DiskImage::sync_directory(std::string_view path, uint64_t sequence) {
  auto inode = find(path);
  if (!inode) return fail(inode.error());
  for (auto& change : name_changes_) {
    if (change.sequence > sequence) break;
    for (auto& edit : change.edits) edit.synced = edit.synced || edit.directory == *inode;
  }
  fold_names();
  return {};
}

void DiskImage::fold_names() {
  size_t done = 0;
  while (done < name_changes_.size() && name_changes_[done].durable()) {
    for (auto& edit : name_changes_[done].edits) {
      if (edit.target == nullptr) {
        edit.directory->durable_names.erase(edit.name);
      } else {
        edit.directory->durable_names[edit.name] = edit.target;
      }
    }
    ++done;
  }
  name_changes_.erase(name_changes_.begin(), name_changes_.begin() + static_cast<ptrdiff_t>(done));
}

void DiskImage::sync_all(uint64_t sequence) {
  for (auto it = unsynced_.begin(); it != unsynced_.end();) {
    it->second->sync(sequence);
    it = it->second->has_unsynced() ? std::next(it) : unsynced_.erase(it);
  }
  for (auto& change : name_changes_) {
    if (change.sequence > sequence) break;
    for (auto& edit : change.edits) edit.synced = true;
  }
  fold_names();
}

void DiskImage::sync_all_failed(uint64_t sequence, SeededRandom& random) {
  for (auto& [number, inode] : unsynced_) inode->sync_failed(sequence, random);
}

void DiskImage::power_cut(SeededRandom& random, uint64_t torn, Fate fate) {
  for (auto& [number, inode] : unsynced_) inode->power_cut(random, torn, fate, garbage);
  unsynced_.clear();

  // A file system with a journal keeps the changes of names up to some point; others promise no order.
  const bool in_order = random.coin();
  const size_t until = random.below(name_changes_.size() + 1);
  std::map<uint64_t, InodePtr> touched;
  std::set<std::pair<uint64_t, std::string>> lost;  // names whose later changes cannot be there either
  for (size_t i = 0; i < name_changes_.size(); ++i) {
    auto& change = name_changes_[i];
    const bool chosen = in_order ? i < until : random.coin();
    bool kept = change.sequence == torn ? fate.keeps_whole() : chosen;
    for (const auto& edit : change.edits)
      kept = kept && !lost.contains({edit.directory->number(), edit.name});
    kept = kept || change.durable();
    for (auto& edit : change.edits) {
      touched[edit.directory->number()] = edit.directory;
      if (!kept) {
        lost.emplace(edit.directory->number(), edit.name);
        continue;
      }
      if (edit.target == nullptr) {
        edit.directory->durable_names.erase(edit.name);
      } else {
        edit.directory->durable_names[edit.name] = edit.target;
      }
    }
  }
  name_changes_.clear();
  for (auto& [number, directory] : touched) directory->names = directory->durable_names;
  for (auto& [number, inode] : live_) inode->unlinked = true;
  live_.clear();
  walk(root_);
}

void DiskImage::walk(const InodePtr& inode) {
  live_[inode->number()] = inode;
  inode->unlinked = false;
  for (const auto& [name, child] : inode->names) walk(child);
}

namespace {

void collect(const Inode& inode, const std::string& path, std::vector<std::string>& into) {
  for (const auto& [name, child] : inode.names) {
    const std::string at = path + "/" + name;
    if (child->is_directory()) {
      collect(*child, at, into);
    } else {
      into.push_back(at);
    }
  }
}

}  // namespace

std::vector<std::string> DiskImage::files() const {
  std::vector<std::string> all;
  collect(*root_, "", all);
  return all;
}

bool DiskImage::has_unsynced() const {
  return !unsynced_.empty() || !name_changes_.empty();
}

}  // namespace godwit::runtime::sim
