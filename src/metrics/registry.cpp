#include "metrics/registry.h"

#include <bit>
#include <cstdio>

#include "base/check.h"

namespace godwit::metrics {
namespace {

constexpr int kCounter = 0;
constexpr int kGauge = 1;
constexpr int kHistogram = 2;

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
  return out;
}

std::string label_text(const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    if (!out.empty()) out += ',';
    out += key + "=\"" + escaped(value, true) + "\"";
  }
  return out;
}

std::string braced(std::string_view labels, std::string_view more = {}) {
  if (labels.empty() && more.empty()) return {};
  std::string out = "{";
  out += labels;
  if (!labels.empty() && !more.empty()) out += ',';
  out += more;
  return out + "}";
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

}  // namespace

void Histogram::observe_ns(uint64_t nanoseconds) {
  const uint64_t units = (nanoseconds + 999) / 1000;
  const size_t bucket = units <= 1 ? 0 : static_cast<size_t>(std::bit_width(units - 1));
  buckets_[bucket < kBuckets ? bucket : kBuckets - 1].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(nanoseconds, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
}

struct Registry::Family {
  std::string help;
  int kind;
  std::map<std::string, Counter> counters;
  std::map<std::string, Gauge> gauges;
  std::map<std::string, std::function<double()>> callbacks;
  std::map<std::string, Histogram> histograms;
};

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Family& Registry::family(std::string_view name, std::string_view help, int kind) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    auto made = std::make_unique<Family>();
    made->help = help;
    made->kind = kind;
    found = families_.emplace(std::string(name), std::move(made)).first;
  }
  GW_CHECK(found->second->kind == kind && found->second->help == help,
           "one metric name has one kind and one help");
  return *found->second;
}

Counter& Registry::counter(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(mutex_);
  return family(name, help, kCounter).counters[label_text(labels)];
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(mutex_);
  return family(name, help, kGauge).gauges[label_text(labels)];
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, Labels labels) {
  const std::scoped_lock lock(mutex_);
  return family(name, help, kHistogram).histograms[label_text(labels)];
}

void Registry::gauge_callback(std::string_view name, std::string_view help, Labels labels,
                              std::function<double()> read) {
  const std::scoped_lock lock(mutex_);
  family(name, help, kGauge).callbacks[label_text(labels)] = std::move(read);
}

std::string Registry::prometheus_text() const {
  const std::scoped_lock lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    static constexpr const char* kKinds[] = {"counter", "gauge", "histogram"};
    out += "# HELP " + name + " " + escaped(family->help, false) + "\n# TYPE " + name + " " +
           kKinds[family->kind] + "\n";
    for (const auto& [labels, counter] : family->counters) {
      out += name + braced(labels) + " " + std::to_string(counter.value()) + "\n";
    }
    for (const auto& [labels, gauge] : family->gauges) {
      out += name + braced(labels) + " " + std::to_string(gauge.value()) + "\n";
    }
    for (const auto& [labels, read] : family->callbacks)
      out += name + braced(labels) + " " + number(read()) + "\n";
    for (const auto& [labels, histogram] : family->histograms) {
      // The buckets are read before the count: an observation that comes between makes the count larger,
      // never smaller.
      uint64_t below = 0;
      for (size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
        below += histogram.bucket(i);
        const std::string bound = "le=\"" + number(static_cast<double>(Histogram::bound_ns(i)) / 1e9) + "\"";
        out += name + "_bucket" + braced(labels, bound) + " " + std::to_string(below) + "\n";
      }
      below += histogram.bucket(Histogram::kBuckets - 1);
      out += name + "_bucket" + braced(labels, "le=\"+Inf\"") + " " + std::to_string(below) + "\n";
      out +=
          name + "_sum" + braced(labels) + " " + number(static_cast<double>(histogram.sum_ns()) / 1e9) + "\n";
      out += name + "_count" + braced(labels) + " " + std::to_string(below) + "\n";
    }
  }
  return out;
}

}  // namespace godwit::metrics
