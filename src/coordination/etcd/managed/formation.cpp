#include "coordination/etcd/managed/formation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace godwit::coordination::etcd {
namespace {

constexpr std::string_view kGreeting = "godwit-formation 1";
constexpr std::string_view kStartAnew =
    "No etcd member was started yet: stop the brokers, remove the folder 'etcd' from the data directory of "
    "each, and "
    "start them again";

std::optional<Stuck> find_contradiction(const MemberState& own, const std::map<BrokerId, Heard>& others) {
  for (const auto& [broker, heard] : others) {
    const auto* other = std::get_if<MemberState>(&heard);
    if (other == nullptr) continue;
    if (other->broker != broker) {
      return Stuck{fmt::format("broker {} answers at the address of broker {}: an address or an id is wrong",
                               to_string(other->broker), to_string(broker))};
    }
    if (other->cluster != own.cluster) {
      return Stuck{fmt::format("broker {} belongs to the cluster '{}', this one to '{}'", to_string(broker),
                               other->cluster, own.cluster)};
    }
    if (other->members != own.members) {
      return Stuck{fmt::format("broker {} was given other members: {} (here: {})", to_string(broker),
                               other->members, own.members)};
    }
  }
  return std::nullopt;
}

// The members that satisfy, as "2, 3"; empty when there is none.
template <class Predicate>
std::string names_of(const std::map<BrokerId, Heard>& others, Predicate satisfies) {
  std::string names;
  for (const auto& [broker, heard] : others) {
    if (satisfies(broker, heard)) names += (names.empty() ? "" : ", ") + to_string(broker);
  }
  return names;
}

bool is_silent(BrokerId, const Heard& heard) {
  return std::holds_alternative<Silence>(heard) || std::holds_alternative<Mute>(heard);
}

bool etcd_runs(const std::map<BrokerId, Heard>& others) {
  return std::ranges::any_of(
      others, [](const auto& entry) { return std::holds_alternative<SomethingElse>(entry.second); });
}

Step step_of_fresh(const MemberState& own, const std::map<BrokerId, Heard>& others) {
  if (etcd_runs(others)) return Join{};
  Nonces nonces{{own.broker, own.nonce}};
  for (const auto& [broker, heard] : others) {
    const auto* other = std::get_if<MemberState>(&heard);
    if (other == nullptr) continue;
    if (other->decided.empty()) {
      nonces.emplace(broker, other->nonce);
      continue;
    }
    const auto counted_on = other->decided.find(own.broker);
    if (counted_on != other->decided.end() && counted_on->second == own.nonce) return Decide{other->decided};
    return Stuck{
        fmt::format("broker {} has decided to form the cluster with a folder of this broker that is gone. {}",
                    to_string(broker), kStartAnew)};
  }
  if (const auto silent = names_of(others, is_silent); !silent.empty())
    return Wait{fmt::format("the first formation needs all members; no answer yet from broker {}", silent)};
  return Decide{std::move(nonces)};
}

Step step_of_decided(const MemberState& own, const std::map<BrokerId, Heard>& others) {
  // Whoever runs an etcd knew that all had decided.
  if (etcd_runs(others)) return Form{};
  const auto contradicts = [&own](BrokerId broker, const Heard& heard) {
    const auto* other = std::get_if<MemberState>(&heard);
    if (other == nullptr) return false;
    if (!other->decided.empty()) return other->decided != own.decided;
    const auto counted_on = own.decided.find(broker);
    return counted_on == own.decided.end() || counted_on->second != other->nonce;
  };
  if (const auto names = names_of(others, contradicts); !names.empty()) {
    return Stuck{
        fmt::format("broker {} is not the one with which this broker decided to form the cluster. {}", names,
                    kStartAnew)};
  }
  const auto undecided = names_of(others, [](BrokerId, const Heard& heard) {
    const auto* other = std::get_if<MemberState>(&heard);
    return other == nullptr || other->decided.empty();
  });
  if (!undecided.empty())
    return Wait{fmt::format("the first formation waits for broker {} to agree", undecided)};
  return Form{};
}

std::optional<BrokerId> parse_broker(std::string_view text) {
  int32_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size() || id < 0) return std::nullopt;
  return BrokerId(id);
}

// Takes "NAME value\n" from the front of `text`.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view name) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(name) || text.size() <= name.size() ||
      text[name.size()] != ' ')
    return std::nullopt;
  const auto value = text.substr(name.size() + 1, end - name.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

}  // namespace

Step next_step(const MemberState& own, const std::map<BrokerId, Heard>& others) {
  if (auto contradiction = find_contradiction(own, others)) return std::move(*contradiction);
  return own.decided.empty() ? step_of_fresh(own, others) : step_of_decided(own, others);
}

std::string token_of(const Nonces& nonces) {
  // Each is 16 random bytes: together they are no less random.
  Uuid all;
  for (const auto& [broker, nonce] : nonces)
    for (size_t i = 0; i < all.bytes.size(); ++i) all.bytes[i] ^= nonce.bytes[i];
  return "godwit-" + to_hex(all.bytes);
}

std::string to_text(const MemberState& state) {
  std::string text =
      fmt::format("{}\nbroker {}\ncluster {}\nmembers {}\nnonce {}\n", kGreeting, to_string(state.broker),
                  state.cluster, state.members, to_string(state.nonce));
  for (const auto& [broker, nonce] : state.decided)
    text += fmt::format("decided {}={}\n", to_string(broker), to_string(nonce));
  return text + "end .\n";
}

Result<MemberState> parse_state(std::string_view text) {
  const auto bad = [](std::string_view what) {
    return fail(ErrorKind::invalid, fmt::format("what a member says of itself has no good '{}'", what));
  };
  if (!text.starts_with(kGreeting) || text.size() <= kGreeting.size() || text[kGreeting.size()] != '\n')
    return bad(kGreeting);
  text.remove_prefix(kGreeting.size() + 1);
  MemberState state;
  const auto broker = take_line(text, "broker");
  const auto id = broker ? parse_broker(*broker) : std::nullopt;
  if (!id) return bad("broker");
  state.broker = *id;
  const auto cluster = take_line(text, "cluster");
  if (!cluster) return bad("cluster");
  state.cluster = *cluster;
  const auto members = take_line(text, "members");
  if (!members) return bad("members");
  state.members = *members;
  const auto nonce = take_line(text, "nonce");
  const auto own = nonce ? Uuid::parse(*nonce) : std::nullopt;
  if (!own) return bad("nonce");
  state.nonce = *own;
  while (const auto decided = take_line(text, "decided")) {
    const auto mark = decided->find('=');
    const auto of = mark == std::string_view::npos ? std::nullopt : parse_broker(decided->substr(0, mark));
    const auto value = mark == std::string_view::npos ? std::nullopt : Uuid::parse(decided->substr(mark + 1));
    if (!of || !value || !state.decided.emplace(*of, *value).second) return bad("decided");
  }
  if (text != "end .\n") return bad("end");
  return state;
}

}  // namespace godwit::coordination::etcd
