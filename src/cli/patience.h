// How long a command tries that publishes or reads: the client below it tries for ever, and a person said --timeout.
//
//   Patience patience(session);
//   auto client = client::Client::make(patience.options("godwit-cli"));
//   … if (records->empty()) if (auto why = patience.given_up(reader, to_end)) co_return session.failed(*why);
//     else patience.heard();
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/session.h"
#include "godwit/client.h"

namespace godwit::cli {

class Patience {
 public:
  explicit Patience(const Session& session);

  // For the session's brokers. Messages are given up after --timeout.
  client::Options options(const std::string& client_id) const;

  // Something came, and is dealt with: time counts from here.
  void heard();
  // Why it is over, once nothing came for --timeout: nobody answered at all, or (`to_end`: it is to be read to the end) not
  // every partition did. Empty as long as there is hope.
  std::optional<std::string> given_up(const client::Reader& reader, const std::string& topic,
                                      bool to_end) const;
  // `what`, and what the client last had to say of its brokers.
  std::string with_reason(const std::string& what) const;

 private:
  class Complaints;

  const Session& session_;
  // The client's threads may still tell it of theirs when the command is over.
  std::shared_ptr<Complaints> complaints_;
  MonotonicTime since_;
};

}  // namespace godwit::cli
