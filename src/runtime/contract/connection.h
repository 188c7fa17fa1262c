// For tests: a connection within one world, and text over it.
#pragma once

#include "runtime/contract/world.h"
#include "runtime/stream.h"

namespace godwit::runtime::contract {

// For what must not time out, however slow the machine is.
inline constexpr Duration kPatience = std::chrono::seconds(20);

struct Pair {
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

// A listener on a free port and one connection to it, both ends on this shard.
inline Task<Result<Pair>> connect_pair(World& world) {
  Network& network = world.runtime().network();
  Pair pair;
  auto listener = co_await network.listen({world.host(), 0}, {});
  if (!listener) co_return fail(listener.error());
  pair.listener = std::move(*listener);
  auto client = co_await network.connect(pair.listener->local(), kPatience);
  if (!client) co_return fail(client.error());
  pair.client = std::move(*client);
  auto server = co_await pair.listener->accept();
  if (!server) co_return fail(server.error());
  pair.server = std::move(*server);
  co_return std::move(pair);
}

inline Task<Result<void>> write_text(Stream& stream, std::string text) {
  const BytesView part = as_bytes(text);
  co_return co_await stream.write_all({&part, 1});
}

inline Task<std::string> read_text(Stream& stream, size_t size) {
  Bytes bytes(size);
  const auto result = co_await read_exactly(stream, bytes);
  co_return result ? std::string(as_text(bytes)) : "(" + result.error().describe() + ")";
}

}  // namespace godwit::runtime::contract
