#include "storage/store_model_testing.h"

namespace godwit::storage::store_test {

void LogModel::acknowledged(Offset offset, const std::string& text) {
  must_[offset] = text;
  end_min_ = std::max(end_min_, offset + 1);
}

void LogModel::truncate_tried(Offset end) {
  for (auto at = must_.lower_bound(end); at != must_.end(); at = must_.erase(at))
    may_[at->first] = at->second;
  end_min_ = std::min(end_min_, end);
}

void LogModel::truncate_acknowledged(Offset) {
  for (const auto& [offset, text] : may_) gone_.insert(text);
  may_.clear();
}

void LogModel::start_acknowledged(Offset start) {
  start_min_ = std::max(start_min_, start);
  must_.erase(must_.begin(), must_.lower_bound(start_min_));
}

void LogModel::drop_acknowledged() {
  for (const auto& text : tried_) gone_.insert(text);
  must_.clear();
  may_.clear();
  start_min_ = start_max_ = end_min_ = Offset(0);
  may_exist_ = must_exist_ = may_be_dropped_ = false;
}

void LogModel::create_acknowledged() {
  may_exist_ = must_exist_ = true;
}

Task<std::vector<std::string>> LogModel::check(Log* log) {
  std::vector<std::string> wrong;
  if (log == nullptr) {
    if (must_exist_ && !may_be_dropped_) wrong.push_back("the log is gone");
    if (may_be_dropped_) drop_acknowledged();
    co_return wrong;
  }
  if (!may_exist_) wrong.push_back("the log was dropped, and is there");
  const auto say = [&](std::string what) { wrong.push_back(std::move(what)); };
  if (log->start() < start_min_ || log->start() > std::max(start_min_, start_max_)) {
    say("start " + to_string(log->start()) + " is not in " + to_string(start_min_) + ".." +
        to_string(start_max_));
  }
  if (log->end() < end_min_) say("end " + to_string(log->end()) + " < " + to_string(end_min_));
  std::map<Offset, std::string> found;
  Offset expected = log->start();
  for (const std::string& line : co_await read_texts(*log, log->start(), 10'000)) {
    const size_t equals = line.find('=');
    if (line.starts_with("error") || equals == std::string::npos) {
      say(line);
      continue;
    }
    const Offset offset(std::stoll(line.substr(0, equals)));
    const std::string text = line.substr(equals + 1);
    const std::string name = text.substr(0, text.find('.'));
    if (offset != expected) say("offset " + to_string(offset) + " comes after " + to_string(expected - 1));
    expected = offset + 1;
    if (!tried_.contains(text)) say(name + " was never published here");
    if (gone_.contains(text)) say(name + " came back");
    const auto must = must_.find(offset);
    if (must != must_.end() && must->second != text) say("offset " + to_string(offset) + " has " + name);
    for (const auto& [other, same] : found) {
      if (same == text) say(name + " is there twice");
    }
    found[offset] = text;
  }
  if (expected != log->end())
    say("reading ended at " + to_string(expected) + ", the log at " + to_string(log->end()));
  for (const auto& [offset, text] : must_) {
    if (offset >= log->start() && !found.contains(offset)) {
      say("offset " + to_string(offset) + " (" + text.substr(0, text.find('.')) +
          ") was acknowledged and is lost");
    }
  }
  // What is not there now never will be.
  for (const auto& text : tried_) {
    if (std::ranges::none_of(found, [&](const auto& f) { return f.second == text; })) gone_.insert(text);
  }
  must_ = found;
  may_.clear();
  start_min_ = start_max_ = log->start();
  end_min_ = log->end();
  must_exist_ = true;
  may_be_dropped_ = false;
  co_return wrong;
}

runtime::Shard& StoreModel::home(Store& store, TopicPartition id) {
  return runtime == nullptr ? *runtime::Shard::current() : runtime->shard(store.shard_of(id));
}

Task<void> StoreModel::create(Store& store, TopicPartition id, LogConfig config) {
  runtime::Shard& shard = home(store, id);
  if (runtime::Shard::current() != &shard) {
    co_await shard.call([&] { return create(store, id, config); });
    co_return;
  }
  logs[id].create_tried();
  auto made = co_await store.create(id, config);
  EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
  if (made) logs[id].create_acknowledged();
}

Task<void> StoreModel::drop(Store& store, TopicPartition id) {
  logs[id].drop_tried();
  auto dropped = co_await store.drop(id);
  EXPECT_TRUE(dropped.has_value()) << (dropped ? "" : dropped.error().message);
  if (dropped) logs[id].drop_acknowledged();
}

Task<void> StoreModel::publish(Store& store, TopicPartition id, size_t size, LeaderEpoch epoch) {
  runtime::Shard& shard = home(store, id);
  if (runtime::Shard::current() != &shard) {
    co_await shard.call([&] { return publish(store, id, size, epoch); });
    co_return;
  }
  Log* log = store.find(id);
  if (log == nullptr) co_return;
  const std::string made = text(size);
  LogModel& model = logs[id];
  model.tried(made);
  epoch = std::max(epoch, log->epochs().latest().value_or(epoch));
  auto appended = co_await append_texts(*log, {made}, epoch);
  EXPECT_TRUE(appended.has_value()) << (appended ? "" : appended.error().message);
  if (!appended) co_return;
  const auto stable =
      co_await log->wait_stable(appended->last_offset + 1, runtime::Shard::current()->now() + 60s);
  EXPECT_EQ(stable, ErrorCode::none);
  if (stable == ErrorCode::none) model.acknowledged(appended->base_offset, made);
}

Task<void> StoreModel::truncate(Store& store, TopicPartition id, Offset end) {
  Log* log = store.find(id);
  if (log == nullptr) co_return;
  end = std::max(end, log->start());
  logs[id].truncate_tried(end);
  auto done = co_await log->truncate(end);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  if (done) logs[id].truncate_acknowledged(end);
}

Task<void> StoreModel::delete_before(Store& store, TopicPartition id, Offset start) {
  Log* log = store.find(id);
  if (log == nullptr || start > log->end()) co_return;
  log->set_high_watermark(log->stable_end());
  start = std::min(start, log->high_watermark());
  logs[id].start_tried(start);
  auto done = co_await log->delete_before(start);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  if (done) logs[id].start_acknowledged(start);
}

Task<void> StoreModel::check(Store& store) {
  for (auto& [id, model] : logs) {
    const auto found = co_await home(store, id).call([&] { return model.check(store.find(id)); });
    for (const std::string& wrong : found) {
      ADD_FAILURE() << "partition " << id.partition.value() << ": " << wrong;
    }
  }
  for (const TopicPartition& id : co_await store.list()) {
    EXPECT_TRUE(logs.contains(id)) << "an unknown partition is there";
  }
}

}  // namespace godwit::storage::store_test
