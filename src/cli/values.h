// Values as people write them on a command line. Errors: ErrorKind::invalid, saying what is expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "godwit/reader.h"
#include "runtime/stream.h"

namespace godwit::cli {

Result<int64_t> parse_integer(std::string_view text);

// "90s", "1h30m", "2d", "500ms"; and ISO 8601's "PT1H30M", "P2D", as Kafka's tools take.
Result<Duration> parse_duration(std::string_view text);

// "2026-11-21T10:00:00.000Z", without fraction, with "+01:00" in place of Z, or with a date alone (midnight). Without a
// zone it is UTC. Gives milliseconds since 1970.
Result<int64_t> parse_time(std::string_view text);

// "2026-11-21T10:00:00.000Z".
std::string print_time(int64_t ms);

// "name=value"; the value may be empty and hold more '='.
Result<std::pair<std::string, std::string>> parse_setting(std::string_view text);

// "beginning", "end", an offset, or a time.
Result<client::Start> parse_start(std::string_view text);

// "orders", or "orders:0,3": a topic and partitions of it.
Result<std::pair<std::string, std::vector<int32_t>>> parse_topic_partitions(std::string_view text);

// Bytes a second: "50MB/s", "10MiB", "1000000"; "off" is 0, "default" is -1, and 0 itself is refused.
Result<int64_t> parse_rate(std::string_view text);

// "1,2,3": ids of brokers, each once.
Result<std::vector<int32_t>> parse_ids(std::string_view text);

// "host:port,host:port"; a port that is left out is 9092.
Result<std::vector<runtime::Endpoint>> parse_brokers(std::string_view text);

// \n, \t, \r, \0, \\ and \xHH become what they stand for.
Result<std::string> unescape(std::string_view text);

}  // namespace godwit::cli
