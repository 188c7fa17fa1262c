// For tests: a broker on a simulated node that answers as a test says.
//
//   ScriptedBroker broker;
//   broker.on(kafka::ApiKey::metadata, [](const kafka::RequestFrame& request) {
//     return answer(request, kafka::MetadataResponse{});
//   });
//   node.start(broker.main());
#pragma once

#include <functional>
#include <map>

#include "base/endian.h"
#include "kafka/frame.h"
#include "kafka/messages/api_versions.h"
#include "runtime/sim/node.h"

namespace godwit::peer {

// What the broker does when a request has come: sends bytes, and perhaps hangs up.
struct Reaction {
  Bytes bytes;
  bool hang_up = false;
};

template <class Response>
Reaction answer(const kafka::RequestFrame& request, const Response& response) {
  auto frame = kafka::encode_response(request.correlation_id, response, request.version);
  GW_CHECK(frame, frame.error().message);
  return {frame->flatten()};
}

template <class Request>
Request decode(kafka::RequestFrame request) {
  auto decoded = codec::decode<Request>(request.body, request.version);
  GW_CHECK(decoded, decoded.error().message);
  return std::move(*decoded);
}

class ScriptedBroker {
 public:
  using Script = std::function<Reaction(const kafka::RequestFrame&)>;

  ScriptedBroker() {
    on(kafka::ApiKey::api_versions, [](const kafka::RequestFrame& request) {
      kafka::ApiVersionsResponse response;
      for (const auto& api : kafka::all_apis()) {
        response.api_keys.push_back({static_cast<int16_t>(api.key), api.accepted.first, api.accepted.last});
      }
      return answer(request, response);
    });
  }
  // Replaces what was said for this request before.
  void on(kafka::ApiKey key, Script script) { scripts_[key] = std::move(script); }
  // How many requests of this kind have come.
  size_t count(kafka::ApiKey key) const {
    const auto found = counts_.find(key);
    return found == counts_.end() ? 0 : found->second;
  }
  size_t connections() const { return connections_; }

  // Serves on `port` until the node ends. The script must outlive the node.
  runtime::sim::Main main(uint16_t port = 9092) {
    return [this, port](runtime::Runtime& runtime) { return serve(*this, runtime, port); };
  }

 private:
  static runtime::Task<void> serve(ScriptedBroker& self, runtime::Runtime& runtime, uint16_t port) {
    auto listener = co_await runtime.network().listen({"", port}, {});
    GW_CHECK(listener, "the port is free");
    for (;;) {
      auto stream = co_await (*listener)->accept();
      if (!stream) co_return;
      ++self.connections_;
      runtime::Shard::current()->spawn(talk(self, std::move(*stream)));
    }
  }
  static runtime::Task<void> talk(ScriptedBroker& self, std::unique_ptr<runtime::Stream> stream) {
    for (;;) {
      std::byte head[kafka::kFrameLengthSize];
      if (!co_await runtime::read_exactly(*stream, head)) co_return;
      Bytes body(static_cast<size_t>(load_big<int32_t>(head)));
      if (!co_await runtime::read_exactly(*stream, body)) co_return;
      const auto request = kafka::parse_request(SharedBytes::own(std::move(body)));
      GW_CHECK(request, request.error().message);
      ++self.counts_[request->key()];
      const auto script = self.scripts_.find(request->key());
      if (script == self.scripts_.end()) co_return;
      const Reaction reaction = script->second(*request);
      const BytesView part = reaction.bytes;
      if (!reaction.bytes.empty() && !co_await stream->write_all({&part, 1})) co_return;
      if (reaction.hang_up) co_return;
    }
  }

  std::map<kafka::ApiKey, Script> scripts_;
  std::map<kafka::ApiKey, size_t> counts_;
  size_t connections_ = 0;
};

}  // namespace godwit::peer
