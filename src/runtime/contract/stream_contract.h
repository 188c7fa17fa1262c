// What connections promise: bytes arrive whole and in order, an end is seen as an end, and closing or
// destroying never leaves anybody waiting. Included once in a test program.
#pragma once

#include "base/crc32c.h"
#include "runtime/contract/connection.h"
#include "runtime/sync.h"

namespace godwit::runtime::contract {

class StreamContract : public Contract {};

TEST_P(StreamContract, both_ends_know_their_addresses_and_bytes_go_both_ways) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    EXPECT_NE(pair->listener->local().port, 0);
    EXPECT_EQ(pair->client->peer(), pair->listener->local());
    EXPECT_EQ(pair->server->peer(), pair->client->local());
    EXPECT_EQ(pair->server->local(), pair->client->peer());
    EXPECT_TRUE(co_await write_text(*pair->client, "ping"));
    EXPECT_EQ(co_await read_text(*pair->server, 4), "ping");
    EXPECT_TRUE(co_await write_text(*pair->server, "pong!"));
    EXPECT_EQ(co_await read_text(*pair->client, 5), "pong!");
  });
}

TEST_P(StreamContract, a_read_waits_for_the_first_byte_and_gives_what_is_there) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    Bytes into(1000);
    std::vector<Task<Result<size_t>>> read;
    const auto write_later = [](Stream& stream) -> Task<void> {
      co_await sleep_for(std::chrono::milliseconds(2));
      co_await write_text(stream, "abc");
    };
    Shard::current()->spawn(write_later(*pair->client));
    const auto count = co_await pair->server->read_some(into);
    GW_REQUIRE_OK(count);
    GW_REQUIRE(*count >= 1 && *count <= 3);
    EXPECT_EQ(as_text(BytesView(into).first(*count)), std::string_view("abc").substr(0, *count));
  });
}

TEST_P(StreamContract, hundreds_of_parts_some_empty_arrive_as_one_sequence) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    std::vector<std::string> texts;
    std::string whole;
    for (size_t i = 0; i < 3000; ++i) {
      texts.push_back(std::string(i % 7, static_cast<char>('a' + i % 26)));
      whole += texts.back();
    }
    std::vector<BytesView> parts;
    for (const std::string& text : texts) parts.push_back(as_bytes(text));
    EXPECT_TRUE(co_await pair->client->write_all(parts));
    EXPECT_EQ(co_await read_text(*pair->server, whole.size()), whole);
    EXPECT_TRUE(co_await pair->client->write_all({}));
    const BytesView empty;
    EXPECT_TRUE(co_await pair->client->write_all({&empty, 1}));
  });
}

inline Task<void> send_blocks(Stream& stream, size_t blocks, size_t block_size, uint32_t& crc) {
  for (size_t i = 0; i < blocks; ++i) {
    Bytes block(block_size);
    for (size_t k = 0; k < block_size; ++k)
      block[k] = static_cast<std::byte>((i * 31 + k * 7 + (k >> 8)) & 0xff);
    crc = crc32c_extend(crc, block);
    // In uneven parts.
    const BytesView view = block;
    const std::array parts{view.first(1), view.subspan(1, block_size / 3), view.subspan(1 + block_size / 3)};
    const auto sent = co_await stream.write_all(parts);
    GW_REQUIRE_OK(sent);
  }
  stream.shutdown_write();
}

inline Task<void> receive_all(Stream& stream, uint64_t& bytes, uint32_t& crc) {
  Bytes into(100'003);
  for (;;) {
    const auto count = co_await stream.read_some(into);
    GW_REQUIRE_OK(count);
    if (*count == 0) co_return;
    bytes += *count;
    crc = crc32c_extend(crc, BytesView(into).first(*count));
  }
}

TEST_P(StreamContract, a_large_transfer_both_ways_at_once_arrives_whole) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    std::array<uint32_t, 2> sent{};
    std::array<uint32_t, 2> got{};
    std::array<uint64_t, 2> bytes{};
    std::vector<Task<void>> all;
    all.push_back(send_blocks(*pair->client, 40, 262'144, sent[0]));
    all.push_back(receive_all(*pair->server, bytes[0], got[0]));
    all.push_back(send_blocks(*pair->server, 3, 999'999, sent[1]));
    all.push_back(receive_all(*pair->client, bytes[1], got[1]));
    co_await when_all(std::move(all));
    EXPECT_EQ(bytes[0], 40u * 262'144);
    EXPECT_EQ(bytes[1], 3u * 999'999);
    EXPECT_EQ(got, sent);
  });
}

TEST_P(StreamContract, a_stream_goes_on_on_the_shard_that_it_is_given_to) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    EXPECT_TRUE(co_await write_text(*pair->client, "before"));
    EXPECT_EQ(co_await read_text(*pair->server, 3), "bef");
    pair->server->detach();
    EXPECT_TRUE(co_await write_text(*pair->client, " meanwhile"));
    Shard& other = world.runtime().shard(1);
    co_await other.call([&]() -> Task<void> {
      GW_REQUIRE_OK(pair->server->attach());
      EXPECT_EQ(co_await read_text(*pair->server, 13), "ore meanwhile");
      EXPECT_TRUE(co_await write_text(*pair->server, "here"));
    });
    EXPECT_EQ(co_await read_text(*pair->client, 4), "here");
    const auto later = [](Stream& stream) -> Task<void> {
      co_await sleep_for(std::chrono::milliseconds(2));
      co_await write_text(stream, "later");
      stream.shutdown_write();
    };
    Shard::current()->spawn(later(*pair->client));
    co_await other.call([&]() -> Task<void> {
      EXPECT_EQ(co_await read_text(*pair->server, 5), "later");
      Bytes into(1);
      const auto end = co_await pair->server->read_some(into);
      GW_REQUIRE_OK(end);
      EXPECT_EQ(*end, 0u);
      pair->server.reset();
    });
  });
}

TEST_P(StreamContract, a_stream_that_ended_on_its_way_to_another_shard_says_so_there) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    pair->server->detach();
    pair->client.reset();
    co_await world.runtime().shard(1).call([&]() -> Task<void> {
      GW_REQUIRE_OK(pair->server->attach());
      Bytes into(1);
      const auto end = co_await pair->server->read_some(into);
      EXPECT_TRUE(!end || *end == 0);
      pair->server.reset();
    });
  });
}

TEST_P(StreamContract, a_half_closed_connection_still_carries_the_answer) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    EXPECT_TRUE(co_await write_text(*pair->client, "last words"));
    pair->client->shutdown_write();
    EXPECT_EQ(co_await read_text(*pair->server, 10), "last words");
    Bytes into(10);
    for (int i = 0; i < 2; ++i) {  // an end stays an end
      const auto end = co_await pair->server->read_some(into);
      GW_REQUIRE_OK(end);
      EXPECT_EQ(*end, 0u);
    }
    EXPECT_TRUE(co_await write_text(*pair->server, "answer"));
    EXPECT_EQ(co_await read_text(*pair->client, 6), "answer");
  });
}

TEST_P(StreamContract, what_was_sent_before_a_close_is_read_before_the_end) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    EXPECT_TRUE(co_await write_text(*pair->client, "bye"));
    pair->client.reset();
    EXPECT_EQ(co_await read_text(*pair->server, 3), "bye");
    Bytes into(1);
    const auto end = co_await pair->server->read_some(into);
    GW_REQUIRE_OK(end);
    EXPECT_EQ(*end, 0u);
  });
}

TEST_P(StreamContract, close_ends_a_read_and_a_write_that_wait) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    const auto close_later = [](Stream& stream) -> Task<void> {
      co_await sleep_for(std::chrono::milliseconds(2));
      stream.close();
      stream.close();
    };
    const auto read = [](Stream& stream) -> Task<Result<void>> {
      Bytes into(10);
      auto count = co_await stream.read_some(into);
      if (!count) co_return fail(count.error());
      co_return Result<void>();
    };
    const auto write = [](Stream& stream) -> Task<Result<void>> {
      const Bytes much(64 << 20);  // more than any socket takes; the peer does not read
      const BytesView part = much;
      co_return co_await stream.write_all({&part, 1});
    };
    Shard::current()->spawn(close_later(*pair->client));
    std::vector<Task<Result<void>>> both;
    both.push_back(read(*pair->client));
    both.push_back(write(*pair->client));
    for (const auto& result : co_await when_all(std::move(both))) GW_EXPECT_ERROR(result, ErrorKind::closed);
    GW_EXPECT_ERROR(co_await read(*pair->client), ErrorKind::closed);
    GW_EXPECT_ERROR(co_await write_text(*pair->client, "x"), ErrorKind::closed);
  });
}

TEST_P(StreamContract, writing_to_a_peer_that_is_gone_ends_with_closed) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    pair->server.reset();
    Result<void> result;
    for (int i = 0; i < 1000 && result; ++i) {
      result = co_await write_text(*pair->client, std::string(100'000, 'x'));
    }
    GW_EXPECT_ERROR(result, ErrorKind::closed);
  });
}

TEST_P(StreamContract, a_frame_destroyed_in_a_read_leaves_its_memory_alone) {
  run([](World& world) -> Task<void> {
    auto pair = co_await connect_pair(world);
    GW_REQUIRE_OK(pair);
    {
      Bytes into(100);
      auto read = pair->server->read_some(into);
      read.start();
      EXPECT_FALSE(read.done());
    }
    EXPECT_TRUE(co_await write_text(*pair->client, "later"));
    EXPECT_EQ(co_await read_text(*pair->server, 5), "later");
    {
      const Bytes much(64 << 20);
      const BytesView part = much;
      auto write = pair->server->write_all({&part, 1});
      write.start();
      EXPECT_FALSE(write.done());
    }
    {
      auto accept = pair->listener->accept();
      accept.start();
      EXPECT_FALSE(accept.done());
    }
    co_await sleep_for(std::chrono::milliseconds(1));
  });
}

TEST_P(StreamContract, nobody_listens_so_a_connection_is_refused) {
  run([](World& world) -> Task<void> {
    Network& network = world.runtime().network();
    auto listener = co_await network.listen({world.host(), 0}, {});
    GW_REQUIRE_OK(listener);
    const Endpoint gone = (*listener)->local();
    (*listener)->close();
    listener->reset();
    GW_EXPECT_ERROR(co_await network.connect(gone, kPatience), ErrorKind::refused);
  });
}

TEST_P(StreamContract, a_port_in_use_is_a_conflict_that_names_it) {
  run([](World& world) -> Task<void> {
    Network& network = world.runtime().network();
    auto first = co_await network.listen({world.host(), 0}, {});
    GW_REQUIRE_OK(first);
    auto second = co_await network.listen((*first)->local(), {});
    GW_EXPECT_ERROR(second, ErrorKind::conflict);
    if (!second) {
      EXPECT_NE(second.error().message.find(std::to_string((*first)->local().port)), std::string::npos)
          << second.error().message;
    }
    const Endpoint at = (*first)->local();
    first->reset();
    const auto third = co_await network.listen(at, {});
    EXPECT_TRUE(third);
  });
}

TEST_P(StreamContract, closing_a_listener_ends_an_accept_that_waits) {
  run([](World& world) -> Task<void> {
    auto listener = co_await world.runtime().network().listen({world.host(), 0}, {});
    GW_REQUIRE_OK(listener);
    Shard::current()->post([&listener] { (*listener)->close(); });
    GW_EXPECT_ERROR(co_await (*listener)->accept(), ErrorKind::closed);
    GW_EXPECT_ERROR(co_await (*listener)->accept(), ErrorKind::closed);
  });
}

TEST_P(StreamContract, a_listener_on_all_addresses_is_reached_by_one_of_them) {
  run([](World& world) -> Task<void> {
    Network& network = world.runtime().network();
    auto listener = co_await network.listen({"", 0}, {});
    GW_REQUIRE_OK(listener);
    auto client = co_await network.connect({world.host(), (*listener)->local().port}, kPatience);
    GW_REQUIRE_OK(client);
    auto server = co_await (*listener)->accept();
    GW_REQUIRE_OK(server);
    EXPECT_EQ((*server)->local(), (*client)->peer());
    EXPECT_EQ((*server)->peer(), (*client)->local());
  });
}

TEST_P(StreamContract, two_shards_share_a_port_and_every_connection_reaches_one) {
  run([](World& world) -> Task<void> {
    Network& network = world.runtime().network();
    Shard& other = world.runtime().shard(1);
    auto mine = co_await network.listen({world.host(), 0}, {.shared = true});
    GW_REQUIRE_OK(mine);
    const Endpoint at = (*mine)->local();
    // Each shard greets whom it accepts with one byte, until its listener is closed.
    const auto serve = [](Listener& listener) -> Task<void> {
      for (;;) {
        auto stream = co_await listener.accept();
        if (!stream) co_return;
        co_await write_text(**stream, "!");
      }
    };
    std::unique_ptr<Listener> theirs;  // owned by `other`
    const std::string failed = co_await other.call([&]() -> Task<std::string> {
      auto listener = co_await network.listen(at, {.shared = true});
      if (!listener) co_return listener.error().describe();
      theirs = std::move(*listener);
      Shard::current()->spawn(serve(*theirs));
      co_return "";
    });
    GW_REQUIRE(failed.empty());
    Shard::current()->spawn(serve(**mine));
    for (int i = 0; i < 20; ++i) {
      auto client = co_await network.connect(at, kPatience);
      GW_REQUIRE_OK(client);
      EXPECT_EQ(co_await read_text(**client, 1), "!");
    }
    (*mine)->close();
    co_await other.call([&]() -> Task<void> {
      theirs->close();
      co_await yield();
      theirs.reset();
    });
    co_await yield();
  });
}

TEST_P(StreamContract, a_hundred_connections_at_once_each_get_their_own_bytes) {
  run([](World& world) -> Task<void> {
    Network& network = world.runtime().network();
    auto listener = co_await network.listen({world.host(), 0}, {});
    GW_REQUIRE_OK(listener);
    const auto echo = [](std::unique_ptr<Stream> stream) -> Task<void> {
      Bytes into(4096);
      for (;;) {
        const auto count = co_await stream->read_some(into);
        if (!count || *count == 0) co_return;
        const BytesView part = BytesView(into).first(*count);
        co_await stream->write_all({&part, 1});
      }
    };
    const auto serve = [](Listener& from, auto each) -> Task<void> {
      for (;;) {
        auto stream = co_await from.accept();
        if (!stream) co_return;
        Shard::current()->spawn(each(std::move(*stream)));
      }
    };
    Shard::current()->spawn(serve(**listener, echo));
    const auto talk = [](Network& over, Endpoint to, int number) -> Task<int> {
      auto stream = co_await over.connect(to, kPatience);
      if (!stream) co_return 0;
      int right = 0;
      for (int round = 0; round < 10; ++round) {
        const std::string text = "connection " + std::to_string(number * 100 + round);
        co_await write_text(**stream, text);
        right += co_await read_text(**stream, text.size()) == text;
      }
      co_return right;
    };
    std::vector<Task<int>> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(talk(network, (*listener)->local(), i));
    for (const int right : co_await when_all(std::move(clients))) EXPECT_EQ(right, 10);
    (*listener)->close();
    co_await yield();
  });
}

}  // namespace godwit::runtime::contract
