#include "metrics/registry.h"

#include <gtest/gtest.h>

namespace godwit::metrics {
namespace {

TEST(Registry, WritesThePrometheusText) {
  Registry registry;
  registry.counter("b_total", "bees", {{"kind", "a\"b"}}).add(3);
  registry.gauge("a", "the first").set(-2);
  registry.gauge_callback("c", "asked", {}, [] { return 1.5; });
  EXPECT_EQ(registry.prometheus_text(),
            "# HELP a the first\n# TYPE a gauge\na -2\n"
            "# HELP b_total bees\n# TYPE b_total counter\nb_total{kind=\"a\\\"b\"} 3\n"
            "# HELP c asked\n# TYPE c gauge\nc 1.5\n");
}

TEST(Registry, GivesTheSameMetricForTheSameNameAndLabels) {
  Registry registry;
  EXPECT_EQ(&registry.counter("x_total", "x"), &registry.counter("x_total", "x"));
  EXPECT_NE(&registry.counter("x_total", "x"), &registry.counter("x_total", "x", {{"a", "b"}}));
}

TEST(Histogram, PutsAnObservationIntoTheFirstBucketThatHoldsIt) {
  Histogram histogram;
  histogram.observe_ns(1000);           // exactly the first bound
  histogram.observe_ns(1001);           // the second
  histogram.observe_ns(3000000000000);  // behind the last
  EXPECT_EQ(histogram.bucket(0), 1u);
  EXPECT_EQ(histogram.bucket(1), 1u);
  EXPECT_EQ(histogram.bucket(Histogram::kBuckets - 1), 1u);
  EXPECT_EQ(histogram.count(), 3u);
}

TEST(Histogram, CumulatesItsBucketsInTheText) {
  Registry registry;
  auto& histogram = registry.histogram("t_seconds", "time");
  histogram.observe_ns(500);
  histogram.observe_ns(1500);
  const std::string text = registry.prometheus_text();
  EXPECT_NE(text.find("t_seconds_bucket{le=\"1e-06\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("t_seconds_bucket{le=\"2e-06\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("t_seconds_bucket{le=\"+Inf\"} 2\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace godwit::metrics
