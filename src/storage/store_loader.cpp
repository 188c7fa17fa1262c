#include "storage/store_loader.h"

#include <algorithm>

#include "runtime/sync.h"
#include "storage/shard_loader.h"

namespace godwit::storage {

struct StoreLoader::Item {
  size_t shard = 0;
  ShardLoader::Piece piece;
};

StoreLoader::StoreLoader(StoreContext& context, Journal& journal, Journal* relaxed,
                         std::vector<std::unique_ptr<LogShard>>& shards,
                         std::vector<std::vector<LostTail>>& lost)
    : context_(context), journal_(journal), relaxed_(relaxed) {
  for (size_t i = 0; i < shards.size(); ++i) {
    shards_.push_back(std::make_unique<ShardLoader>(context, *shards[i], journal, relaxed, lost[i]));
  }
}

StoreLoader::~StoreLoader() = default;

void StoreLoader::add(size_t shard, ReplayedLog log) {
  shards_[shard]->add(std::move(log));
}

template <class F>
runtime::Task<Result<void>> StoreLoader::on_all_shards(F work) {
  std::vector<runtime::Task<Result<void>>> tasks;
  for (size_t i = 0; i < shards_.size(); ++i) {
    tasks.push_back(context_.runtime.shard(i).call([i, work] { return work(i); }));
  }
  for (auto& result : co_await runtime::when_all(std::move(tasks))) {
    if (!result) co_return fail(std::move(result).error());
  }
  co_return {};
}

runtime::Task<void> StoreLoader::read(bool relaxed, const std::vector<Item>& items) {
  std::vector<const Item*> mine;
  std::vector<PayloadPlace> places;
  for (const Item& item : items) {
    if (item.piece.relaxed != relaxed) continue;
    mine.push_back(&item);
    places.push_back(item.piece.payload);
  }
  if (mine.empty()) co_return;
  auto take = [this, &mine](std::vector<ReadPayload> payloads) -> runtime::Task<void> {
    std::vector<std::vector<std::pair<const ShardLoader::Piece*, BytesView>>> parts(shards_.size());
    for (const ReadPayload& payload : payloads) {
      parts[mine[payload.index]->shard].emplace_back(&mine[payload.index]->piece, payload.bytes);
    }
    std::vector<runtime::Task<void>> tasks;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].empty()) continue;
      tasks.push_back(context_.runtime.shard(i).call([this, i, part = std::move(parts[i])] {
        for (const auto& [piece, bytes] : part) shards_[i]->take(*piece, bytes);
      }));
    }
    co_await runtime::when_all(std::move(tasks));
  };
  co_await (relaxed ? *relaxed_ : journal_).read_payloads(std::move(places), take);
}

runtime::Task<Result<void>> StoreLoader::run() {
  for (;;) {
    std::vector<runtime::Task<Result<std::vector<ShardLoader::Piece>>>> asks;
    for (size_t i = 0; i < shards_.size(); ++i) {
      asks.push_back(context_.runtime.shard(i).call([this, i] { return shards_[i]->next_wave(); }));
    }
    std::vector<Item> items;
    auto waves = co_await runtime::when_all(std::move(asks));
    for (size_t i = 0; i < waves.size(); ++i) {
      if (!waves[i]) co_return fail(std::move(waves[i]).error());
      for (ShardLoader::Piece& piece : *waves[i]) items.push_back({i, piece});
    }
    if (items.empty()) co_return {};
    co_await read(false, items);
    co_await read(true, items);
    GW_TRY(co_return, co_await on_all_shards([this](size_t i) { return shards_[i]->end_wave(); }));
  }
}

}  // namespace godwit::storage
