#include "godwit/client.h"

#include <mutex>

#include "client/admin.h"
#include "client/group_reader.h"
#include "client/plain_reader.h"
#include "client/producer.h"
#include "client/subscription.h"

namespace godwit::client {
namespace {

using std::chrono::milliseconds;

class KafkaClient final : public Client {
 public:
  KafkaClient(Options options, std::shared_ptr<Producer> producer)
      : options_(std::move(options)), producer_(std::move(producer)) {}
  ~KafkaClient() override { (void)close(options_.delivery_timeout); }

  Result<void> create_topic(const std::string& topic, const TopicOptions& options,
                            milliseconds timeout) override {
    const auto producer = held();
    if (!producer) return closed();
    return client::create_topic(producer->handle(), topic, options, timeout);
  }
  Result<void> delete_topic(const std::string& topic, milliseconds timeout) override {
    const auto producer = held();
    if (!producer) return closed();
    return client::delete_topic(producer->handle(), topic, timeout);
  }
  Result<Written> write(const std::string& topic, Message message) override {
    const auto producer = held();
    if (!producer) return closed();
    return producer->write(topic, std::move(message));
  }
  Result<void> write_async(const std::string& topic, Message message, DeliveryCallback done) override {
    const auto producer = held();
    if (!producer) return closed();
    return producer->write_async(topic, std::move(message), std::move(done));
  }
  Result<void> flush(milliseconds timeout) override {
    const auto producer = held();
    if (!producer) return closed();
    return producer->flush(timeout);
  }
  Result<std::vector<Record>> read(const ReaderOptions& options, size_t records_max,
                                   milliseconds wait) override {
    auto reader = open_reader(options);
    if (!reader) return reader.error();
    std::vector<Record> all;
    while (all.size() < records_max) {
      auto some = (*reader)->read(records_max - all.size(), wait);
      if (!some) return some.error();
      if (some->empty()) break;
      for (auto& record : *some) all.push_back(std::move(record));
      if ((*reader)->at_end()) break;
    }
    if (auto committed = (*reader)->commit(); !committed) return committed.error();
    return all;
  }
  Result<std::unique_ptr<Reader>> open_reader(ReaderOptions options) override {
    if (!held()) return closed();
    if (options.group.empty()) {
      auto reader = PlainReader::make(options_, options);
      if (!reader) return reader.error();
      return std::unique_ptr<Reader>(std::move(*reader));
    }
    auto reader = GroupReader::make(options_, options);
    if (!reader) return reader.error();
    return std::unique_ptr<Reader>(std::move(*reader));
  }
  Result<std::unique_ptr<Subscription>> subscribe(ReaderOptions options, RecordCallback callback) override {
    if (!held()) return closed();
    if (options.group.empty())
      return Error{ErrorKind::invalid, "a subscription needs the name of its group", 0};
    if (!callback) return Error{ErrorKind::invalid, "a subscription needs a callback", 0};
    auto reader = GroupReader::make(options_, options);
    if (!reader) return reader.error();
    return std::unique_ptr<Subscription>(
        std::make_unique<GroupSubscription>(std::move(*reader), std::move(callback)));
  }
  Result<void> close(milliseconds timeout) override {
    std::shared_ptr<Producer> producer;
    {
      const std::lock_guard lock(mutex_);
      producer = std::exchange(producer_, nullptr);
    }
    if (!producer) return {};
    auto flushed = producer->flush(timeout);
    producer->end();
    return flushed;
  }

 private:
  // Whoever is inside a call keeps it until it is out.
  std::shared_ptr<Producer> held() {
    const std::lock_guard lock(mutex_);
    return producer_;
  }
  static Error closed() { return {ErrorKind::closed, "the client was closed", 0}; }

  const Options options_;
  std::mutex mutex_;
  std::shared_ptr<Producer> producer_;
};

}  // namespace

Result<std::unique_ptr<Client>> Client::make(Options options) {
  if (options.brokers.empty()) return Error{ErrorKind::invalid, "brokers: none is named", 0};
  auto producer = Producer::make(options);
  if (!producer) return producer.error();
  return std::unique_ptr<Client>(
      std::make_unique<KafkaClient>(std::move(options), std::shared_ptr<Producer>(std::move(*producer))));
}

}  // namespace godwit::client
