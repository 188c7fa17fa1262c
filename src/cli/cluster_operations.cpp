// What an operator sees and orders: `godwit cluster status|events|drain|resume|remove|rebalance|throttle|upgrade`. Any broker takes
// the request and hands it to the controller.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/engine_members.h"
#include "cli/move_look.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/values.h"
#include "kafka/messages/cluster_command.h"

namespace godwit::cli {

using peer::Target;
using runtime::Task;

namespace {

using Request = kafka::ClusterCommandRequest;
using Response = kafka::ClusterCommandResponse;

// How often what is waited for is looked at, and how long a look at the speed takes.
constexpr Duration kLookAgain = std::chrono::milliseconds(500);
constexpr Duration kLookForSpeed = std::chrono::seconds(1);

Request request_for(std::string verb, int32_t broker = -1) {
  Request request;
  request.verb = std::move(verb);
  request.broker_id = BrokerId(broker);
  return request;
}

// Each order says how things shall be, or asks: a second one changes nothing.
Task<Result<Response>> ask_controller(Session& session, Request request) {
  co_return co_await session.cluster.call(Target::any(), std::move(request),
                                          [](const Response& response) { return response.error_code; });
}

int refused(Session& session, const Response& response) {
  return session.failed("cluster", response.error_code, response.message);
}

std::string counted(int64_t count, std::string_view one, std::string_view more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

std::string ids(const std::vector<BrokerId>& all) {
  std::vector<int32_t> numbers;
  numbers.reserve(all.size());
  for (const BrokerId id : all) numbers.push_back(id.value());
  return fmt::format("{}", fmt::join(numbers, ","));
}

constexpr size_t kNamesShown = 10;

std::string names(const std::vector<std::string>& all) {
  const auto shown = std::min(all.size(), kNamesShown);
  return fmt::format("{}{}", fmt::join(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     shown < all.size() ? ", …" : "");
}

std::string json_names(const std::vector<std::string>& all) {
  std::vector<std::string> quoted;
  quoted.reserve(all.size());
  for (const std::string& one : all) quoted.push_back(json_text(one));
  return json_array(quoted);
}

// What keeps a broker that is drained or removed from giving its replicas up.
std::string in_words(const Response::Wait& wait) {
  const std::string which =
      fmt::format("{} of broker {} ({})", counted(wait.partitions, "replica", "replicas"),
                  to_string(wait.broker), names(wait.named));
  const std::string_view waits = wait.partitions == 1 ? "waits" : "wait";
  if (wait.needs == Response::Wait::kBroker) {
    return fmt::format(
        "{} {} for another broker, that can take {}: start one, or order fewer replicas with 'godwit topic "
        "reassign'",
        which, waits, wait.partitions == 1 ? "it" : "them");
  }
  if (wait.needs == Response::Wait::kLeader) {
    return fmt::format(
        "{} {} for a leader to be copied from: bring a replica in sync back, or see 'godwit topic elect'",
        which, waits);
  }
  if (wait.needs == Response::Wait::kTarget) {
    return fmt::format("{} {} for the broker that is to take {}, which is dead, or for another one", which,
                       waits, wait.partitions == 1 ? "it" : "them");
  }
  return fmt::format("{} {}", which, waits);
}

// Of one broker, behind a separator.
std::string what_waits(const Response& status, BrokerId broker) {
  std::string text;
  for (const auto& wait : status.waits) {
    if (wait.broker == broker) text += "; " + in_words(wait);
  }
  return text;
}

void show_status_json(Session& session, const Response& status, const MoveEstimate& moves,
                      const EngineMembersSeen& engine) {
  std::vector<std::string> brokers;
  brokers.reserve(status.brokers.size());
  for (const auto& broker : status.brokers) {
    brokers.push_back(Json()
                          .set("id", broker.id.value())
                          .set("state", broker.state)
                          .set("address", broker.address)
                          .set("rack", broker.rack)
                          .set("incarnation", broker.incarnation)
                          .set("leads", broker.leads)
                          .set("replicas", broker.replicas)
                          .set("outOfSync", broker.out_of_sync)
                          .set("takesWrites", broker.can_append)
                          .set("featuresFirst", broker.features_first)
                          .set("featuresLast", broker.features_last)
                          .text());
  }
  Json json;
  json.set("controller", status.controller.value()).set("fence", status.fence);
  json.set("partitions", status.partitions).set("withoutLeader", status.without_leader);
  json.set("underReplicated", status.under_replicated).set("underMinInSync", status.under_min_isr);
  json.set("featureLevel", status.feature_level).set("featureLevelMax", status.feature_level_max);
  json.set("moving", status.moving).set("planned", static_cast<int64_t>(status.moves.size()));
  if (!moves.tally().idle()) {
    json.set("bytesToCopy", moves.tally().bytes_total).set("bytesCopied", moves.tally().bytes_copied);
    const auto speed = moves.bytes_per_second();
    const auto left = moves.time_left();
    speed ? json.set("bytesPerSecond", static_cast<int64_t>(*speed)) : json.set_null("bytesPerSecond");
    left ? json.set("secondsLeft", std::chrono::duration<double>(*left).count())
         : json.set_null("secondsLeft");
  }
  json.raw("leftAside", json_names(status.aside));
  std::vector<std::string> waits;
  waits.reserve(status.waits.size());
  for (const auto& wait : status.waits) {
    waits.push_back(Json()
                        .set("broker", wait.broker.value())
                        .set("needs", wait.needs)
                        .set("partitions", wait.partitions)
                        .raw("named", json_names(wait.named))
                        .text());
  }
  json.raw("waits", json_array(waits));
  if (!engine.known()) {
    json.set_null("etcdMembers");
  } else if (!engine.members.empty()) {
    json.raw("etcdMembers", in_json(engine.members));
  }
  session.line(json.raw("brokers", json_array(brokers)).text());
}

void show_status(Session& session, const Response& status, const MoveEstimate& moves,
                 const EngineMembersSeen& engine) {
  session.line(
      fmt::format("controller: broker {}, term of office {}", to_string(status.controller), status.fence));
  session.line(
      status.feature_level_max > status.feature_level
          ? fmt::format("feature level: {}; all brokers work at {}, and 'godwit cluster upgrade' raises it",
                        status.feature_level, status.feature_level_max)
          : fmt::format("feature level: {}", status.feature_level));
  session.line(fmt::format(
      "{}: {} without a leader, {} with a replica out of sync, {} below min.insync.replicas, {} moving",
      counted(status.partitions, "partition", "partitions"), status.without_leader, status.under_replicated,
      status.under_min_isr, status.moving));
  if (status.without_leader != 0) {
    session.line(
        "without a leader nothing is published or read: 'godwit cluster events' says why, 'godwit topic "
        "describe' who was in "
        "sync; bring such a broker back, or see 'godwit topic elect --unclean'");
  }
  if (!status.aside.empty()) {
    session.line(
        fmt::format("{} not served, since a key in the coordination store that describes {} is damaged: {}; "
                    "the diagnostic "
                    "coordination.damaged names the key",
                    counted(static_cast<int64_t>(status.aside.size()), "topic is", "topics are"),
                    status.aside.size() == 1 ? "it" : "them", names(status.aside)));
  }
  if (!moves.tally().idle()) session.line(moves.text());
  for (const auto& wait : status.waits) session.line(in_words(wait));
  if (const auto text = in_words_unwell(engine); !text.empty()) session.line(text);
  session.line("");
  Table table(
      {"BROKER", "STATE", "ADDRESS", "RACK", "LEADS", "REPLICAS", "OUT OF SYNC", "WRITES", "INCARNATION"});
  for (const auto& broker : status.brokers) {
    table.add({to_string(broker.id), broker.state, broker.address, broker.rack.empty() ? "-" : broker.rack,
               std::to_string(broker.leads), std::to_string(broker.replicas),
               std::to_string(broker.out_of_sync), broker.can_append ? "yes" : "refused",
               std::to_string(broker.incarnation)});
  }
  session.console.write(table.text());
  if (!engine.members.empty()) session.console.write("\n" + in_table(engine.members));
}

bool moves(const Response& status) {
  return status.moving > 0 || !status.moves.empty();
}

// Where something moves: how far it is. What cannot be asked now is left out.
Task<void> look(Session& session, const Response& status, MoveEstimate& estimate) {
  if (!moves(status)) co_return;
  const auto tally = co_await look_at_moves(session, status);
  if (tally) estimate.look(runtime::Shard::current()->now(), *tally);
}

// Looks until nothing moves, or the time for the command is over.
Task<int> wait_moved(Session& session) {
  const runtime::Shard& shard = *runtime::Shard::current();
  const MonotonicTime deadline = shard.now() + session.ask.timeout;
  Progress progress(session);
  MoveEstimate estimate;
  for (;;) {
    const auto status = co_await ask_controller(session, request_for("status"));
    if (!status) co_return session.failed(status.error());
    if (status->error_code != ErrorCode::none) co_return refused(session, *status);
    if (!moves(*status)) co_return kExitOk;
    co_await look(session, *status, estimate);
    if (shard.now() >= deadline) {
      progress.clear();
      co_return session.failed(
          estimate.text() +
          "; that goes on: 'godwit cluster status' shows it, a longer --timeout waits for it");
    }
    progress.show(estimate.text());
    co_await runtime::sleep_for(kLookAgain);
  }
}

// Looks until nothing is left on the broker, or the time for the command is over.
Task<int> wait_drained(Session& session, int32_t broker) {
  const runtime::Shard& shard = *runtime::Shard::current();
  Progress progress(session);
  MoveEstimate estimate;
  const MonotonicTime deadline = shard.now() + session.ask.timeout;
  for (;;) {
    const auto status = co_await ask_controller(session, request_for("status"));
    if (!status) co_return session.failed(status.error());
    if (status->error_code != ErrorCode::none) co_return refused(session, *status);
    const Response::Broker* found = nullptr;
    for (const auto& one : status->brokers) {
      if (one.id == BrokerId(broker)) found = &one;
    }
    if (found == nullptr)
      co_return session.failed(fmt::format("broker {} is not in the cluster any more", broker));
    if (found->replicas == 0) co_return kExitOk;
    // It may start again meanwhile: the order stands.
    constexpr std::string_view kGoesOn[] = {"draining", "joining", "silent", "dead", "removing"};
    if (std::ranges::find(kGoesOn, found->state) == std::end(kGoesOn))
      co_return session.failed(
          fmt::format("broker {} is {}: somebody took the drain back", broker, found->state));
    co_await look(session, *status, estimate);
    if (shard.now() >= deadline) {
      progress.clear();
      co_return session.failed(fmt::format(
          "broker {} still holds {}; the drain goes on: 'godwit cluster status' shows it, a "
          "longer --timeout waits for it{}",
          broker, counted(found->replicas, "replica", "replicas"), what_waits(*status, BrokerId(broker))));
    }
    progress.show(fmt::format("{} left on broker {}; {}{}", counted(found->replicas, "replica", "replicas"),
                              broker, estimate.text(), what_waits(*status, BrokerId(broker))));
    co_await runtime::sleep_for(kLookAgain);
  }
}

std::string_view verb_of(ClusterOrder::What what) {
  switch (what) {
    case ClusterOrder::What::drain:
      return "drain";
    case ClusterOrder::What::resume:
      return "resume";
    case ClusterOrder::What::remove:
      return "remove";
  }
  return "";
}

std::string done(const ClusterOrder& ask) {
  switch (ask.what) {
    case ClusterOrder::What::drain:
      return ask.wait
                 ? fmt::format("broker {} is drained: nothing is left there, it may be stopped", ask.broker)
                 : fmt::format("broker {} drains; 'godwit cluster status' shows what is left there",
                               ask.broker);
    case ClusterOrder::What::resume:
      return fmt::format("broker {} takes part again; its share comes back gradually", ask.broker);
    case ClusterOrder::What::remove:
      return fmt::format("broker {} is forgotten once others have its replicas", ask.broker);
  }
  return "";
}

}  // namespace

Task<bool> set_throttle(Session& session, std::optional<int64_t> bytes_per_second) {
  if (!bytes_per_second) co_return true;
  auto request = request_for("throttle");
  request.number = *bytes_per_second;
  const auto answer = co_await ask_controller(session, std::move(request));
  if (answer && answer->error_code == ErrorCode::none) co_return true;
  answer ? refused(session, *answer) : session.failed(answer.error());
  co_return false;
}

Task<int> run(Session& session, const ClusterStatus& ask) {
  const auto status = co_await ask_controller(session, request_for("status"));
  if (!status) co_return session.failed(status.error());
  if (status->error_code != ErrorCode::none) co_return refused(session, *status);
  MoveEstimate estimate;
  co_await look(session, *status, estimate);
  // A check is to be quick, and its exit code says all.
  if (!ask.check && !estimate.tally().idle()) {
    co_await runtime::sleep_for(kLookForSpeed);
    co_await look(session, *status, estimate);
  }
  const EngineMembersSeen engine = co_await ask_for_members(session, *status);
  if (session.json()) {
    show_status_json(session, *status, estimate, engine);
  } else {
    show_status(session, *status, estimate, engine);
  }
  const bool well = status->without_leader == 0 && status->under_replicated == 0 && status->aside.empty() &&
                    all_well(engine);
  co_return ask.check && !well ? kExitFailed : kExitOk;
}

Task<int> run(Session& session, const ClusterEvents& ask) {
  auto request = request_for("events");
  request.number = ask.count;
  const auto answer = co_await ask_controller(session, std::move(request));
  if (!answer) co_return session.failed(answer.error());
  if (answer->error_code != ErrorCode::none) co_return refused(session, *answer);
  Table table({"TIME", "CONTROLLER", "EVENT", "DETAIL"});
  for (const auto& event : answer->events) {
    if (session.json()) {
      session.line(Json()
                       .set("sequence", event.sequence)
                       .set("time", print_time(event.time_ms))
                       .set("controller", event.controller.value())
                       .set("event", event.what)
                       .set("detail", event.detail)
                       .text());
    } else {
      table.add({print_time(event.time_ms), to_string(event.controller), event.what, event.detail});
    }
  }
  if (!session.json()) session.console.write(table.text());
  co_return kExitOk;
}

Task<int> run(Session& session, const ClusterOrder& ask) {
  if (!co_await set_throttle(session, ask.throttle)) co_return kExitFailed;
  const auto answer =
      co_await ask_controller(session, request_for(std::string(verb_of(ask.what)), ask.broker));
  if (!answer) co_return session.failed(answer.error());
  if (answer->error_code != ErrorCode::none) co_return refused(session, *answer);
  if (ask.wait) {
    const int code = co_await wait_drained(session, ask.broker);
    if (code != kExitOk) co_return code;
  }
  if (session.json()) {
    session.line(Json().set("broker", ask.broker).set("order", verb_of(ask.what)).set("done", true).text());
    co_return kExitOk;
  }
  session.line(done(ask));
  if (ask.what != ClusterOrder::What::remove) co_return kExitOk;
  // The order was taken, whatever the answer to this is.
  const auto status = co_await ask_controller(session, request_for("status"));
  if (!status || status->error_code != ErrorCode::none) co_return kExitOk;
  for (const auto& wait : status->waits) {
    if (wait.broker == BrokerId(ask.broker)) session.line(in_words(wait));
  }
  co_return kExitOk;
}

Task<int> run(Session& session, const ClusterRebalance& ask) {
  if (!ask.dry_run && !co_await set_throttle(session, ask.throttle)) co_return kExitFailed;
  auto request = request_for("rebalance");
  request.dry_run = ask.dry_run;
  const auto answer = co_await ask_controller(session, std::move(request));
  if (!answer) co_return session.failed(answer.error());
  if (answer->error_code != ErrorCode::none) co_return refused(session, *answer);
  Table table({"TOPIC", "PARTITION", "FROM", "TO"});
  for (const auto& move : answer->moves) {
    if (session.json()) {
      session.line(Json()
                       .set("topic", move.topic)
                       .set("partition", move.partition.value())
                       .raw("from", "[" + ids(move.from) + "]")
                       .raw("to", "[" + ids(move.to) + "]")
                       .set("moves", !ask.dry_run)
                       .text());
    } else {
      table.add({move.topic, to_string(move.partition), ids(move.from), ids(move.to)});
    }
  }
  const bool any = !answer->moves.empty();
  if (!session.json()) {
    if (any) session.console.write(table.text());
    const std::string moved = "\n" + counted(answer->moves.size(), "partition", "partitions");
    session.line(!any          ? "nothing moves: the load is even"
                 : ask.dry_run ? moved + " would move; nothing was changed"
                               : moved + " move; 'godwit cluster status' shows how far that is");
  }
  const int code = any && ask.wait && !ask.dry_run ? co_await wait_moved(session) : kExitOk;
  if (any && ask.wait && !ask.dry_run && code == kExitOk && !session.json()) session.line("all have moved");
  co_return code;
}

Task<int> run(Session& session, const ClusterUpgrade& ask) {
  auto request = request_for("upgrade");
  request.number = ask.level;
  request.dry_run = ask.dry_run;
  const auto answer = co_await ask_controller(session, std::move(request));
  if (!answer) co_return session.failed(answer.error());
  if (answer->error_code != ErrorCode::none) co_return refused(session, *answer);
  const int16_t wanted = ask.level != 0 ? ask.level : answer->feature_level_max;
  if (session.json()) {
    session.line(Json()
                     .set("featureLevel", answer->feature_level)
                     .set("featureLevelMax", answer->feature_level_max)
                     .text());
  } else if (ask.dry_run && wanted > answer->feature_level) {
    session.line(fmt::format(
        "the feature level can go from {} to {}; brokers of older builds will not be let in after that",
        answer->feature_level, wanted));
  } else {
    session.line(fmt::format("the cluster works at feature level {}", answer->feature_level));
  }
  co_return kExitOk;
}

Task<int> run(Session& session, const ClusterThrottle& ask) {
  if (!co_await set_throttle(session, ask.bytes_per_second)) co_return kExitFailed;
  const bool named = ask.bytes_per_second > 0;
  if (session.json()) {
    Json json;
    named ? json.set("bytesPerSecond", ask.bytes_per_second) : json.set_null("bytesPerSecond");
    session.line(json.text());
  } else if (named) {
    session.line(fmt::format("replicas that move take at most {} a second of each broker, in each direction",
                             print_bytes(ask.bytes_per_second)));
  } else {
    session.line(ask.bytes_per_second == 0 ? "replicas that move are not bounded any more"
                                           : "replicas that move are bounded as each broker is configured");
  }
  co_return kExitOk;
}

}  // namespace godwit::cli
