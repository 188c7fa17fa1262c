#include "cli/session.h"

namespace godwit::cli {
namespace {

std::string advice(ErrorCode code) {
  switch (code) {
    case ErrorCode::unknown_topic_or_partition:
      return ": 'godwit topic list' shows what there is";
    case ErrorCode::topic_already_exists:
      return ": choose another name, or give --if-not-exists";
    case ErrorCode::invalid_replication_factor:
      return ": it cannot be more than there are brokers ('godwit cluster info')";
    case ErrorCode::non_empty_group:
    case ErrorCode::unknown_member_id:
      return ": stop its members first ('godwit group describe' shows them)";
    case ErrorCode::group_id_not_found:
      return ": 'godwit group list' shows what there is";
    case ErrorCode::broker_id_not_registered:
      return ": 'godwit cluster status' lists the brokers";
    case ErrorCode::no_reassignment_in_progress:
      return ": 'godwit topic reassign' lists what moves";
    case ErrorCode::invalid_replica_assignment:
      return ": name brokers of 'godwit cluster status', each once";
    case ErrorCode::eligible_leaders_not_available:
    case ErrorCode::preferred_leader_not_available:
      return ": start the brokers that 'godwit topic describe' names in sync; --unclean takes another, and "
             "loses "
             "what it does not have";
    case ErrorCode::not_controller:
      return ": no broker leads the cluster at the moment; is a majority of the coordination service alive?";
    case ErrorCode::unsupported_version:
      return ": this broker is older than the command";
    default:
      return "";
  }
}

}  // namespace

int Session::failed(const std::string& what) {
  console.write_error("godwit: " + what + "\n");
  return kExitFailed;
}

int Session::failed(const Error& error) {
  switch (error.kind) {
    case ErrorKind::unavailable:
    case ErrorKind::refused:
      return failed(error.message + "\nis one running at " + brokers() +
                    "? start one with 'godwit serve --data-dir data', or name others with --brokers");
    case ErrorKind::timed_out:
      return failed(error.message + "; a longer --timeout may help, or another of --brokers");
    case ErrorKind::corrupt:
      return failed(error.message + "; does --brokers name the Kafka port?");
    default:
      return failed(error.message);
  }
}

int Session::failed(const std::string& what, ErrorCode code, const std::optional<std::string>& message) {
  const bool told = message && !message->empty();
  return failed(what + ": " + (told ? *message : std::string(to_string(code))) + advice(code));
}

std::string Session::brokers() const {
  std::string all;
  for (const auto& broker : ask.brokers) all += (all.empty() ? "" : ",") + to_string(broker);
  return all;
}

}  // namespace godwit::cli
