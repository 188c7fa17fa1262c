#include "cli/patience.h"

#include <mutex>

namespace godwit::cli {
namespace {

// librdkafka's name for a connection that failed, and what it puts before the reason: "FAIL: [thrd:a:1/2]: a:1/2: Connect …".
constexpr std::string_view kFailed = "FAIL: ";

std::string seconds(Duration time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

}  // namespace

// The last one counts.
class Patience::Complaints {
 public:
  void take(const std::string& line) {
    if (!line.starts_with(kFailed)) return;
    std::string reason = line.substr(kFailed.size());
    if (const auto at = reason.find("]: "); reason.starts_with("[thrd:") && at != std::string::npos) {
      reason.erase(0, at + 3);
    }
    const std::lock_guard lock(mutex_);
    last_ = std::move(reason);
  }
  std::string last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  mutable std::mutex mutex_;
  std::string last_;
};

Patience::Patience(const Session& session)
    : session_(session),
      complaints_(std::make_shared<Complaints>()),
      since_(runtime::Shard::current()->now()) {}

client::Options Patience::options(const std::string& client_id) const {
  client::Options options;
  options.brokers = session_.brokers();
  options.client_id = client_id;
  options.delivery_timeout =
      std::max(std::chrono::milliseconds(1),
               std::chrono::duration_cast<std::chrono::milliseconds>(session_.ask.timeout));
  options.diagnostics = [complaints = complaints_](const std::string& line) { complaints->take(line); };
  return options;
}

void Patience::heard() {
  since_ = runtime::Shard::current()->now();
}

std::optional<std::string> Patience::given_up(const client::Reader& reader, const std::string& topic,
                                              bool to_end) const {
  if (runtime::Shard::current()->now() - since_ < session_.ask.timeout) return std::nullopt;
  const std::string time = seconds(session_.ask.timeout);
  if (!reader.reached()) return with_reason("nothing of " + topic + " could be read within " + time);
  if (!to_end) return std::nullopt;
  return with_reason("nothing more of " + topic + " came within " + time +
                     ", and its end was not reached: 'godwit topic describe' shows which partitions have "
                     "a leader, 'godwit group describe' who else reads it");
}

std::string Patience::with_reason(const std::string& what) const {
  const std::string last = complaints_->last();
  return last.empty() ? what : what + "\nlast heard: " + last;
}

}  // namespace godwit::cli
