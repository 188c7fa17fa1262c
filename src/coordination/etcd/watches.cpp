#include "coordination/etcd/watches.h"

namespace godwit::coordination::etcd {
namespace {

using runtime::Task;

// How often the endpoint is asked for a sign of life, and after how long a silence it is given up: a hung machine breaks
// no connection, and etcd allows no pings of the transport below 5 s.
constexpr Duration kSignEvery = std::chrono::milliseconds(500);
constexpr Duration kSilenceMax = std::chrono::milliseconds(1500);

// A watch was not made, and nothing else says which: the stream goes on without it, and it would never hear anything.
bool is_refusal(const WatchNews& news) {
  return news.kind == WatchNews::Kind::cancelled && news.watch == WatchNews::kNoWatch;
}

}  // namespace

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  GW_CHECK(!prefix.empty(), "a prefix has an end");
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::shared_ptr<Watches::Watched> Watches::add(std::string prefix, int64_t revision_known) {
  auto watched = std::make_shared<Watched>();
  watched->prefix = std::move(prefix);
  watched->start = revision_known == 0 ? 0 : revision_known + 1;
  entries_.emplace(++last_id_, Entry{watched});
  inbox_->bell.notify_all();
  return watched;
}

void Watches::forget(const std::shared_ptr<Watched>& watched) {
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.watched != watched) continue;
    if (at->second.on_stream) to_cancel_.push_back(at->first);
    entries_.erase(at);
    break;
  }
  inbox_->bell.notify_all();
}

void Watches::stop() {
  stopped_ = true;
  for (auto& [id, entry] : entries_) entry.watched->arrived.notify_all();
  inbox_->bell.notify_all();
}

void Watches::tell(Watched& watched) {
  watched.news = true;
  watched.arrived.notify_all();
}

void Watches::take_off_stream() {
  to_cancel_.clear();
  // Ids start anew on each stream only in name: they go on, so that late news of an old one cannot be mistaken.
  std::map<int64_t, Entry> renamed;
  for (auto& [id, entry] : entries_) {
    entry.again = entry.again || entry.on_stream;
    entry.on_stream = false;
    renamed.emplace(++last_id_, std::move(entry));
  }
  entries_ = std::move(renamed);
}

void Watches::register_new(WatchStream& stream) {
  for (const int64_t id : to_cancel_) stream.cancel(id);
  to_cancel_.clear();
  for (auto& [id, entry] : entries_) {
    if (entry.on_stream) continue;
    entry.on_stream = true;
    const std::string& prefix = entry.watched->prefix;
    stream.create(id, prefix, end_of_prefix(prefix), entry.again ? 0 : entry.watched->start);
  }
}

bool Watches::handle(const WatchNews& news, size_t endpoint) {
  using Kind = WatchNews::Kind;
  if (news.kind == Kind::alive) return true;
  if (news.why && news.why->kind == Failure::Kind::token) session_.forget_token();
  if (news.kind == Kind::ended || is_refusal(news)) {
    session_.note_failure(endpoint, *news.why);
    return false;
  }
  const auto found = entries_.find(news.watch);
  if (found == entries_.end()) return true;  // forgotten meanwhile, or of an earlier stream
  Entry& entry = found->second;
  if (news.kind == Kind::cancelled) {
    // Compacted: what was asked for is gone, so all is read anew. Refused: the next attempt says it again.
    entry.again = true;
    return false;
  }
  if (news.kind == Kind::changed) {
    tell(*entry.watched);
    return true;
  }
  // Created. Without a revision to start from, changes before this moment were not watched. A store that is younger than
  // what was known came from a backup or is another one: nothing that is known of it holds.
  const bool went_back = !entry.again && entry.watched->start > news.revision + 1;
  if (entry.again || entry.watched->start == 0 || went_back) tell(*entry.watched);
  entry.again = true;
  return !went_back;
}

Task<bool> Watches::follow(size_t endpoint) {
  runtime::Shard& shard = *runtime::Shard::current();
  if (auto known = co_await session_.authenticate(endpoint); !known) {
    session_.note_failure(endpoint, known.error());
    co_return false;
  }
  inbox_ = std::make_shared<WatchInbox>();
  const auto inbox = inbox_;
  const auto stream = wire_.watch(endpoint, inbox);
  MonotonicTime heard = shard.now();
  MonotonicTime next_sign = heard + kSignEvery;
  bool useful = false;
  while (!stopped_ && !entries_.empty()) {
    register_new(*stream);
    (void)co_await inbox->bell.wait_until(next_sign);
    bool goes_on = true;
    while (goes_on && !inbox->news.empty()) {
      const WatchNews news = std::move(inbox->news.front());
      inbox->news.pop_front();
      heard = shard.now();
      useful = !is_refusal(news) &&
               (useful || (news.kind != WatchNews::Kind::ended && news.kind != WatchNews::Kind::cancelled));
      goes_on = handle(news, endpoint);
    }
    if (!goes_on) break;
    if (shard.now() < next_sign) continue;
    if (shard.now() - heard > kSilenceMax) {
      session_.note_failure(endpoint, {Failure::Kind::unknown, "a watch heard nothing for 1.5 s"});
      break;
    }
    stream->ask_progress();
    next_sign = shard.now() + kSignEvery;
  }
  take_off_stream();
  co_return useful;
}

Task<void> Watches::run() {
  int failures = 0;
  while (!stopped_) {
    if (entries_.empty()) {
      co_await inbox_->bell.wait();
      continue;
    }
    const bool useful = co_await follow(session_.endpoint());
    failures = useful ? 0 : failures + 1;
    if (stopped_) break;
    // add() and forget() ring too: the pause is slept, not waited for.
    if (!entries_.empty()) {
      const MonotonicTime next = runtime::Shard::current()->now() + backoff(failures);
      const auto inbox = inbox_;
      while (!stopped_ && co_await inbox->bell.wait_until(next)) {
      }
    }
  }
}

}  // namespace godwit::coordination::etcd
