// What a script is written with: it asks a broker, and keeps each answer under a name.
//
//   s.each_version(kafka::ApiKey::list_offsets, [&](int16_t v) {
//     const std::string orders = s.create("orders");
//     s.ask("earliest of an empty topic", v, request(orders, -2));
//   });
//
// Names that it gives to topics and groups are new each time, and written down without what makes them so. A request that a
// version cannot express is left out of that version.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connection.h"
#include "kafka/frame.h"
#include "normal.h"

namespace godwit::compare {

// Before every real clock, so that a timestamp is either the script's or the broker's.
constexpr int64_t kT0 = 1'700'000'000'000;

struct TopicSpec {
  int32_t partitions = 1;
  std::vector<std::pair<std::string, std::string>> configs = {};
};

class Script {
 public:
  explicit Script(Address address) : address_(std::move(address)) {}

  // Ends the program, with the case that was asked last.
  [[noreturn]] void die(const std::string& why);

  // --- asking

  // Sends the request and keeps the answer as "<Api>: <what>" in that version; the answer too.
  template <class Request>
  std::optional<typename Request::Response> ask(std::string_view what, int16_t version,
                                                const Request& request) {
    return exchange(what, version, request, true);
  }
  // Sends the request and keeps nothing; for what a case needs first. Ends the program where no answer comes.
  template <class Request>
  typename Request::Response quietly(int16_t version, const Request& request) {
    auto response = exchange("quietly", version, request, false);
    if (!response) die("no answer to " + std::string(kafka::to_string(Request::kApi)));
    return std::move(*response);
  }
  // Keeps an answer that was asked for quietly, for one in which stands more than the case's own.
  template <class Response>
  void keep_answer(std::string_view what, int16_t version, const Response& response) {
    keep(name_of(Response::kApi, what), version, normal_.lines(to_tree(response, version)));
  }
  // Sends without waiting; answers come in order by take().
  template <class Request>
  struct Asked {
    std::unique_ptr<Connection> connection;
    int16_t version;
  };
  template <class Request>
  std::optional<Asked<Request>> send_ahead(int16_t version, const Request& request) {
    auto frame = kafka::encode_request(++correlation_, "compare", request, version);
    if (!frame) return std::nullopt;
    auto connection = std::make_unique<Connection>(address_);
    connection->send(frame->flatten());
    return Asked<Request>{std::move(connection), version};
  }
  template <class Request>
  std::optional<typename Request::Response> take(std::string_view what, Asked<Request>& asked) {
    return read<Request>(what, asked.version, asked.connection->receive(), true);
  }
  // Sends bytes on a connection of their own and keeps how it ends: "closed", "answered", "silence".
  // `finish`: close the sending side afterwards, as who sends a cut frame does.
  void send_raw(std::string_view what, BytesView bytes, bool finish = false);
  // Sends a request that has no answer, and an ApiVersions behind it; keeps whether that is answered.
  template <class Request>
  void tell(std::string_view what, int16_t version, const Request& request) {
    auto frame = kafka::encode_request(++correlation_, "compare", request, version);
    if (frame) tell_frame(name_of(Request::kApi, what), version, frame->flatten());
  }

  // --- names

  // A name that was not used before, written down as `stem`.
  std::string name(const std::string& stem);
  // From now on `real` is written down as `word`.
  void call(const std::string& real, const std::string& word) { normal_.call(real, word); }
  // A new topic that keeps what it is given, however old; its id is written down as "id of <stem>".
  std::string create(const std::string& stem, const TopicSpec& spec = {});
  TopicId id_of(const std::string& topic) const { return ids_.at(topic); }
  BrokerId broker() const { return broker_; }

  // Whether settings that have their default are left out of answers: the same forty lines each time.
  void leave_out_defaults(bool yes) { normal_.leave_out_defaults(yes); }

  // --- versions

  void each_version(kafka::ApiKey api, const std::function<void(int16_t)>& body);

  // --- what was kept

  struct Case {
    std::string name;
    std::map<int16_t, Lines> answers;
  };
  const std::vector<Case>& cases() const { return cases_; }
  void keep(const std::string& name, int16_t version, Lines lines);
  // Learns the id of the broker. First of all.
  void meet();
  // Waits until the broker leads the topic's partitions: the answer to its creation promises little.
  void wait_for(const std::string& topic, const std::string& stem);
  // Does nothing for so many milliseconds: for what a broker does after its answer, and of which nothing tells.
  void pause(int ms);
  const Address& address() const { return address_; }

 private:
  // Whether it answers for so many partitions, not only knows them.
  bool leads(const std::string& topic, size_t partitions);
  Connection& connection();
  void tell_frame(const std::string& name, int16_t version, const Bytes& frame);
  static std::string name_of(kafka::ApiKey api, std::string_view what) {
    return std::string(kafka::to_string(api)) + ": " + std::string(what);
  }

  template <class Request>
  std::optional<typename Request::Response> exchange(std::string_view what, int16_t version,
                                                     const Request& request, bool keeping) {
    auto frame = kafka::encode_request(++correlation_, "compare", request, version);
    if (!frame) return std::nullopt;
    const Bytes bytes = frame->flatten();
    connection().send(bytes);
    return read<Request>(what, version, connection().receive(), keeping);
  }
  template <class Request>
  std::optional<typename Request::Response> read(std::string_view what, int16_t version, Reply reply,
                                                 bool keeping) {
    const std::string name = name_of(Request::kApi, what);
    if (reply.kind != Reply::Kind::frame) {
      lost_connection();
      if (keeping) keep(name, version, {reply.kind == Reply::Kind::closed ? "(closed)" : "(silence)"});
      return std::nullopt;
    }
    auto head = kafka::parse_response(reply.frame, Request::kApi, version);
    if (!head) return undecodable(name, version, head.error());
    auto response = codec::decode<typename Request::Response>(head->body, version);
    if (!response) return undecodable(name, version, response.error());
    if (keeping) {
      Lines lines = normal_.lines(to_tree(*response, version));
      if (head->body.remaining() != 0)
        lines.push_back("(left over) = " + std::to_string(head->body.remaining()));
      keep(name, version, std::move(lines));
    }
    return std::move(*response);
  }
  void lost_connection() { connection_.reset(); }
  std::nullopt_t undecodable(const std::string& name, int16_t version, const Error& error);

  Address address_;
  std::unique_ptr<Connection> connection_;
  Normal normal_;
  std::vector<Case> cases_;
  std::map<std::string, size_t> index_;
  std::map<std::string, TopicId> ids_;
  BrokerId broker_{1};
  int32_t correlation_ = 0;
  int names_ = 0;
};

// One file a family: script_<family>.cpp. In the order in which they are asked.
struct Family {
  std::string_view name;
  void (*run)(Script&);
};
const std::vector<Family>& families();

}  // namespace godwit::compare
