#include "app/demo/etcd_members.h"

#include <array>

#include <fmt/format.h>

#include "durable/atomic_file.h"
#include "runtime/file.h"
#include "runtime/shard.h"

namespace godwit::app::demo {
namespace {

using runtime::Task;
using std::chrono::milliseconds;

constexpr size_t kMembersMax = 7;
constexpr int kPortAttempts = 100;
constexpr Duration kAnswersWithin = milliseconds(300);
constexpr size_t kFileMax = 4096;
constexpr size_t kAnswerMax = size_t{1} << 20;

Task<void> close_after(std::shared_ptr<runtime::Stream> stream, Duration patience) {
  co_await runtime::sleep_for(patience);
  stream->close();
}

// All that a plain HTTP server answers, as far as it comes.
Task<std::string> get(runtime::Network& network, runtime::Endpoint from, std::string path) {
  auto connected = co_await network.connect(from, kAnswersWithin);
  if (!connected) co_return "";
  const std::shared_ptr<runtime::Stream> stream = std::move(*connected);
  runtime::Shard::current()->spawn(close_after(stream, kAnswersWithin));
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  const std::array<BytesView, 1> parts{as_bytes(request)};
  if (!co_await stream->write_all(parts)) co_return "";
  std::string answer;
  std::array<std::byte, 16384> buffer;
  while (answer.size() < kAnswerMax) {
    const auto read = co_await stream->read_some(buffer);
    if (!read || *read == 0) break;
    answer += as_text(BytesView(buffer).first(*read));
  }
  co_return answer;
}

}  // namespace

std::vector<std::string> single_etcd(uint16_t client_port, uint16_t peer_port, const std::string& folder) {
  const std::string client = fmt::format("http://127.0.0.1:{}", client_port);
  const std::string peer = fmt::format("http://127.0.0.1:{}", peer_port);
  // clang-format off
  return {"etcd", "--name", "demo", "--data-dir", folder,
          "--listen-client-urls", client, "--advertise-client-urls", client,
          "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "demo=" + peer,
          "--heartbeat-interval", "50", "--election-timeout", "500",
          "--auto-compaction-mode", "periodic", "--auto-compaction-retention", "10m"};
  // clang-format on
}

std::vector<std::string> words_of_member(const std::string& data_dir) {
  return {"--data-dir", data_dir + "/etcd/data"};
}

size_t EtcdMembers::members() const {
  const size_t odd = data_dirs_.size() - (data_dirs_.size() % 2 == 0 ? 1 : 0);
  return std::min(odd, kMembersMax);
}

Task<Result<void>> EtcdMembers::load(std::string file) {
  const auto text = co_await runtime::read_file(runtime_.files(), file, kFileMax);
  if (!text) co_return fail(text.error());
  auto address = coordination::parse_address(as_text(*text));
  auto* places = address ? std::get_if<coordination::ManagedEtcdAddress>(&*address) : nullptr;
  if (places == nullptr || places->members.size() != members()) {
    co_return fail(ErrorKind::invalid,
                   file + " should name " + std::to_string(members()) +
                       " etcd members, as an earlier run wrote it: give another --data-dir");
  }
  places_ = std::move(*places);
  co_return Result<void>();
}

Task<Result<void>> EtcdMembers::find_places(std::string file) {
  const auto there = co_await runtime_.files().exists(file);
  if (!there) co_return fail(there.error());
  if (*there) co_return co_await load(std::move(file));
  // All are held until all are found, so that none is given twice.
  std::vector<std::unique_ptr<runtime::Listener>> held;
  for (int attempt = 0; places_.members.size() < members(); ++attempt) {
    auto clients = co_await runtime_.network().listen({"127.0.0.1", 0}, {});
    if (!clients) co_return fail(clients.error());
    const uint16_t port = (*clients)->local().port;
    // Its peers use the next one.
    if (port < UINT16_MAX) {
      auto peers = co_await runtime_.network().listen({"127.0.0.1", static_cast<uint16_t>(port + 1)}, {});
      if (peers) {
        const BrokerId broker(static_cast<int32_t>(places_.members.size()) + 1);
        places_.members.push_back({broker, {"127.0.0.1", port}});
        held.push_back(std::move(*peers));
      }
    }
    held.push_back(std::move(*clients));
    if (attempt > kPortAttempts)
      co_return fail(ErrorKind::limit, "no two neighbouring ports are free for an etcd member");
  }
  const std::string text = address();
  const std::array<BytesView, 1> parts{as_bytes(text)};
  co_return co_await durable::replace_file(runtime_.files(), file, parts);
}

Task<bool> EtcdMembers::leads(size_t broker) {
  if (broker >= places_.members.size()) co_return false;
  const std::string metrics = co_await get(runtime_.network(), places_.members[broker].clients, "/metrics");
  co_return metrics.find("\netcd_server_is_leader 1\n") != std::string::npos;
}

bool EtcdMembers::kill(size_t broker) {
  auto found = processes_.find(words_of_member(data_dirs_.at(broker)));
  if (found) (*found)->kill();
  return found.has_value();
}

Task<void> EtcdMembers::end_all() {
  for (const std::string& data_dir : data_dirs_) {
    while (auto found = processes_.find(words_of_member(data_dir))) {
      (*found)->kill();
      co_await (*found)->ended();
    }
  }
}

}  // namespace godwit::app::demo
