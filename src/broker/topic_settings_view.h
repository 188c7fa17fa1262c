// The settings of a topic as tools are shown them: DescribeConfigs and the answer to CreateTopics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/options.h"
#include "cluster/image.h"

namespace godwit::broker {

// The protocol's numbers for where a value comes from.
enum ConfigSource : int8_t {
  kSourceTopic = 1,
  kSourceDynamicBroker = 2,
  kSourceDynamicDefaultBroker = 3,
  kSourceStaticBroker = 4,
  kSourceDefault = 5,
};

struct SettingView {
  std::string name;
  std::string value;
  int8_t source = kSourceDefault;
  int8_t type =
      0;  // the protocol's: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password
  bool read_only = false;  // only the configuration at start can change it
  std::string documentation;
  struct Synonym {
    std::string name;
    std::string value;
    int8_t source = kSourceDefault;
  };
  std::vector<Synonym> synonyms;  // from the most to the least specific
};

// All settings of a topic, by name, as broker `self` has them: over the dynamic defaults of `image` and the defaults
// `at_start`. Where nothing sets min.insync.replicas, its default is what that many replicas make it.
std::vector<SettingView> describe_topic_settings(const cluster::Topic& topic,
                                                 const cluster::ConfigMap& at_start,
                                                 const cluster::Image& image, BrokerId self);

// The settings of a broker (kNoBroker: the dynamic ones of all brokers) that hold for its topics. The default of
// min.insync.replicas is that of a topic with as many replicas as one has that does not say how many.
std::vector<SettingView> describe_broker_settings(BrokerId id, const cluster::Image& image,
                                                  const BrokerOptions& options);

}  // namespace godwit::broker
