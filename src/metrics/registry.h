// Counters, gauges and histograms, without globals: a registry is made by main and handed down.
//
//   Counter& refused = registry.counter("godwit_connections_refused_total", "connections refused at the
//   limit", {{"why", "limit"}}); refused.add(); std::string page = registry.prometheus_text();
//
// Making a metric takes a lock and is done once, at start; counting is lock-free and may be done on any
// thread. Metrics live as long as their registry.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Counts observations in buckets whose bounds double, so that it needs no configuration: 1 µs … 64 s when it
// observes seconds.
class Histogram {
 public:
  static constexpr size_t kBuckets = 27;
  void observe_ns(uint64_t nanoseconds);
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  uint64_t sum_ns() const { return sum_.load(std::memory_order_relaxed); }
  uint64_t bucket(size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
  // The upper bound of bucket i in nanoseconds: 1,000 << i.
  static constexpr uint64_t bound_ns(size_t i) { return uint64_t{1000} << i; }

 private:
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> sum_{0};
  std::atomic<uint64_t> buckets_[kBuckets]{};
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The metric with this name and these labels, made at the first call. One name has one kind and one help
  // text (checked).
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, Labels labels = {});
  // A gauge whose value is asked for when the page is written, on the thread that writes it: `read` is
  // thread-safe and lives as long as the registry.
  void gauge_callback(std::string_view name, std::string_view help, Labels labels,
                      std::function<double()> read);

  // All metrics in the Prometheus text format 0.0.4, sorted by name.
  std::string prometheus_text() const;

 private:
  struct Family;
  Family& family(std::string_view name, std::string_view help, int kind);
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

}  // namespace godwit::metrics
