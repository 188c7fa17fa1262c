#include <algorithm>

#include "cli/report.h"
#include "cli/session.h"
#include "cli/settings_report.h"
#include "kafka/messages/metadata.h"

namespace godwit::cli {

using runtime::Task;

Task<int> run(Session& session, const ClusterInfo&) {
  // Metadata tells as much as DescribeCluster, and every broker takes it.
  auto metadata = co_await session.cluster.metadata(std::vector<std::string>{});
  if (!metadata) co_return session.failed(metadata.error());
  std::ranges::sort(metadata->brokers, {}, [](const auto& broker) { return broker.node_id; });
  Table table({"BROKER", "ADDRESS", "RACK", "CONTROLLER"});
  std::vector<std::string> brokers;
  for (const auto& broker : metadata->brokers) {
    const bool controls = broker.node_id == metadata->controller_id;
    table.add({to_string(broker.node_id), broker.host + ":" + std::to_string(broker.port),
               broker.rack.value_or("-"), controls ? "yes" : "no"});
    Json json;
    json.set("id", broker.node_id.value()).set("host", broker.host).set("port", broker.port);
    if (broker.rack) {
      json.set("rack", *broker.rack);
    } else {
      json.set_null("rack");
    }
    brokers.push_back(json.text());
  }
  if (session.json()) {
    session.line(Json()
                     .set("clusterId", metadata->cluster_id.value_or(""))
                     .set("controller", metadata->controller_id.value())
                     .raw("brokers", json_array(brokers))
                     .text());
  } else {
    session.line("cluster " + metadata->cluster_id.value_or("(without an id)") + "\n");
    session.console.write(table.text());
  }
  co_return kExitOk;
}

Task<int> run(Session& session, const ClusterConfig& ask) {
  const std::string name = ask.broker ? std::to_string(*ask.broker) : "";
  if (ask.set.empty() && ask.remove.empty())
    co_return co_await show_settings(session, kBrokerSettings, name, true);
  co_return co_await alter_settings(session, kBrokerSettings, name, ask.set, ask.remove);
}

}  // namespace godwit::cli
