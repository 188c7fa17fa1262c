#include "cli/command_line.h"

#include <CLI/CLI.hpp>

#include "cli/values.h"

namespace godwit::cli {
namespace {

constexpr CommandName kNames[] = {
    {"topic", "create, list, describe, alter and delete topics"},
    {"group", "list, describe, reset and delete consumer groups"},
    {"cluster", "the cluster's state, brokers, events and settings"},
    {"produce", "publish lines of standard input"},
    {"consume", "read a topic"},
    {"bench", "measure publishing and reading"},
};

constexpr std::string_view kDefaultBrokers = "127.0.0.1:9092";

// What the options are written to, until they are all known to be right.
struct Raw {
  std::string brokers;
  std::string timeout = "30s";
  std::vector<std::string> config;
  std::string from;
  std::vector<std::string> topics;
  std::string to_offset, to_time, to_before, to_shift;
  bool to_earliest = false, to_latest = false, execute = false, dry_run = false;
  std::vector<std::string> headers;
  std::string key_separator;
  std::string linger = "5ms";
  std::string compression = "none";
  std::string acks = "all";
  int64_t partition = -1;
  int64_t partitions = -1;
  int64_t replication_factor = -1;
  int64_t broker = -1;
  int64_t level = -1;
  int64_t count = -1;
  std::vector<int64_t> some;
  std::string replicas;
  std::string rate;
};

// The program's options. Its callbacks fill `ask.command` and collect what is wrong.
class Parser {
 public:
  Parser() : app_("Commands that talk to a broker.", "godwit") {
    app_.require_subcommand(1);
    topic();
    group();
    cluster();
    produce();
    consume();
    bench();
  }

  std::variant<Ask, Say> parse(std::span<const std::string> arguments, const std::string& brokers) {
    raw_.brokers = brokers.empty() ? std::string(kDefaultBrokers) : brokers;
    // CLI11 takes them from the back.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::CallForHelp&) {
      return Say{0, help_of(chosen())};
    } catch (const CLI::ParseError& error) {
      return mistake(family_mistake(arguments).value_or(error.what()));
    }
    checked(parse_brokers(raw_.brokers), "--brokers", ask_.brokers);
    checked(parse_duration(raw_.timeout), "--timeout", ask_.timeout);
    if (wrong_.empty() && ask_.timeout <= Duration::zero()) wrong_ = "--timeout: must be above 0";
    if (!wrong_.empty()) return mistake(wrong_);
    return std::move(ask_);
  }

  std::string manual() {
    std::string text;
    for (CLI::App* command : app_.get_subcommands({})) {
      const auto inner = command->get_subcommands({});
      if (inner.empty()) text += section(*command);
      for (CLI::App* one : inner) text += section(*one);
    }
    // The file ends with its last line.
    text.pop_back();
    return text;
  }

 private:
  CLI::App& chosen() {
    CLI::App* at = &app_;
    for (auto inner = at->get_subcommands(); !inner.empty(); inner = at->get_subcommands())
      at = inner.front();
    return *at;
  }
  std::string name_of(const CLI::App& command) const {
    const CLI::App* parent = command.get_parent();
    return parent == nullptr ? command.get_name() : name_of(*parent) + " " + command.get_name();
  }
  std::string help_of(const CLI::App& command) const {
    const CLI::App* parent = command.get_parent();
    return command.help(parent == nullptr ? "" : name_of(*parent));
  }
  // Where the command that a family needs is missing or misspelt.
  std::optional<std::string> family_mistake(std::span<const std::string> arguments) {
    std::string names;
    for (const CLI::App* one : chosen().get_subcommands({}))
      names += (names.empty() ? "" : ", ") + one->get_name();
    if (names.empty()) return std::nullopt;
    const std::string word = arguments.size() > 1 ? arguments[1] : "";
    return (word.empty() ? "say what to do" : "there is no command '" + word + "'") + ": one of " + names;
  }
  Say mistake(const std::string& what) {
    const std::string name = name_of(chosen());
    return {2, name + ": " + what + "\n'" + name + " --help' says what it takes\n"};
  }
  std::string section(CLI::App& command) {
    return "## " + name_of(command) + "\n\n```text\n" + help_of(command) + "```\n\n";
  }

  // Takes the value over, or notes what is wrong with `option`; the first mistake is told.
  template <class T, class Into>
  void checked(Result<T> value, const std::string& option, Into& into) {
    if (value) {
      into = std::move(*value);
    } else if (wrong_.empty()) {
      wrong_ = option + ": " + value.error().message;
    }
  }
  void refuse(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }
  Settings settings(const std::string& option) {
    Settings all;
    for (const auto& text : raw_.config) {
      std::pair<std::string, std::string> one;
      checked(parse_setting(text), option, one);
      all.push_back(std::move(one));
    }
    return all;
  }
  template <class T>
  T within(int64_t value, int64_t least, int64_t most, const std::string& option) {
    if (value < least || value > most) {
      refuse(option + ": " + std::to_string(value) + " is not from " + std::to_string(least) + " to " +
             std::to_string(most));
    }
    return static_cast<T>(value);
  }

  // A command: its name, help, options that all have, and what it does once the line is read.
  CLI::App& add(CLI::App& under, const std::string& name, const std::string& help,
                std::function<Command()> meaning) {
    CLI::App& command = *under.add_subcommand(name, help);
    common(command);
    command.final_callback([this, meaning = std::move(meaning)] { ask_.command = meaning(); });
    return command;
  }
  CLI::App& family(const std::string& name) {
    std::string help;
    for (const auto& known : kNames) {
      if (known.name == name) help = known.help;
    }
    CLI::App& command = *app_.add_subcommand(name, help);
    command.require_subcommand(1);
    return command;
  }
  void common(CLI::App& command) {
    command
        .add_option("--brokers", raw_.brokers, "brokers to ask (default: $GODWIT_BROKERS, or 127.0.0.1:9092)")
        ->type_name("HOST:PORT,...");
    command.add_option("--timeout", raw_.timeout, "how long to try (default: 30s)")->type_name("DURATION");
    command.add_flag("--json", ask_.json, "answers as JSON, one value a line");
  }
  void compression_and_acks(CLI::App& command) {
    command.add_option("--compression", raw_.compression, "none, gzip, snappy, lz4 or zstd (default: none)")
        ->type_name("CODEC");
    command
        .add_option("--acks", raw_.acks,
                    "what an acknowledgement waits for: all, 1 (the leader) or 0 (default: all)")
        ->type_name("ACKS");
  }
  client::Compression compression() {
    static constexpr std::pair<std::string_view, client::Compression> kAll[] = {
        {"none", client::Compression::none},
        {"gzip", client::Compression::gzip},
        {"snappy", client::Compression::snappy},
        {"lz4", client::Compression::lz4},
        {"zstd", client::Compression::zstd}};
    for (const auto& [name, value] : kAll) {
      if (name == raw_.compression) return value;
    }
    refuse("--compression: '" + raw_.compression + "' is none of none, gzip, snappy, lz4 and zstd");
    return client::Compression::none;
  }
  client::Acks acks() {
    if (raw_.acks == "all" || raw_.acks == "-1") return client::Acks::all;
    if (raw_.acks == "1") return client::Acks::leader;
    if (raw_.acks == "0") return client::Acks::none;
    refuse("--acks: '" + raw_.acks + "' is none of all, 1 and 0");
    return client::Acks::all;
  }
  std::optional<int32_t> partition() {
    if (raw_.partition == -1) return std::nullopt;
    return within<int32_t>(raw_.partition, 0, INT32_MAX, "--partition");
  }

  void topic() {
    CLI::App& under = family("topic");
    static constexpr const char* kConfig = "a setting under Kafka's name; may be given again";
    auto& create = add(under, "create", "creates a topic", [this] {
      create_.partitions =
          raw_.partitions == -1 ? -1 : within<int32_t>(raw_.partitions, 1, INT32_MAX, "--partitions");
      create_.replication_factor =
          raw_.replication_factor == -1
              ? int16_t{-1}
              : within<int16_t>(raw_.replication_factor, 1, INT16_MAX, "--replication-factor");
      create_.config = settings("--config");
      return create_;
    });
    create.add_option("name", create_.name, "the topic")->type_name("NAME")->required();
    create.add_option("--partitions", raw_.partitions, "how many (default: as the broker is configured)")
        ->type_name("N");
    create.add_option("--replication-factor", raw_.replication_factor, "copies of each (the same)")
        ->type_name("N");
    create.add_option("--config", raw_.config, kConfig)->type_name("NAME=VALUE")->allow_extra_args(false);
    create.add_flag("--if-not-exists", create_.if_not_exists, "well, too, where the topic exists already");

    auto& list = add(under, "list", "lists topics", [this] { return list_; });
    list.add_flag("--internal", list_.internal, "those that the brokers write themselves, too");

    auto& describe = add(under, "describe", "partitions, leaders, replicas and offsets of topics",
                         [this] { return describe_; });
    describe.add_option("name", describe_.names, "topics (default: all)")->type_name("NAME");

    auto& remove = add(under, "delete", "deletes topics with all their records", [this] { return delete_; });
    remove.add_option("name", delete_.names, "topics")->type_name("NAME")->required();
    remove.add_flag("--if-exists", delete_.if_exists, "well, too, where a topic does not exist");

    auto& alter = add(under, "alter", "adds partitions, changes settings", [this] {
      if (raw_.partitions != -1)
        alter_.partitions = within<int32_t>(raw_.partitions, 1, INT32_MAX, "--partitions");
      alter_.config = settings("--config");
      if (!alter_.partitions && alter_.config.empty() && alter_.delete_config.empty()) {
        refuse("nothing to alter: give --partitions, --config or --delete-config");
      }
      return alter_;
    });
    alter.add_option("name", alter_.name, "the topic")->type_name("NAME")->required();
    alter.add_option("--partitions", raw_.partitions, "partitions in all; more than there are now")
        ->type_name("N");
    alter.add_option("--config", raw_.config, kConfig)->type_name("NAME=VALUE")->allow_extra_args(false);
    alter.add_option("--delete-config", alter_.delete_config, "back to the default; may be given again")
        ->type_name("NAME")
        ->allow_extra_args(false);

    auto& config =
        add(under, "config", "a topic's settings and where they come from", [this] { return topic_config_; });
    config.add_option("name", topic_config_.name, "the topic")->type_name("NAME")->required();
    config.add_flag("--all", topic_config_.all, "those that have their default, too");
    replicas(under);
  }
  void replicas(CLI::App& under) {
    static constexpr const char* kPartition = "this partition (default: all); may be given again";
    auto& reassign = add(
        under, "reassign", "moves partitions to other brokers; without --replicas: how far that is", [this] {
          reassign_.partitions = partition_numbers();
          if (!raw_.replicas.empty()) checked(parse_ids(raw_.replicas), "--replicas", reassign_.replicas);
          if (reassign_.cancel && !raw_.replicas.empty())
            refuse("--replicas and --cancel contradict each other");
          if (!raw_.replicas.empty() && reassign_.partitions.empty())
            refuse("--replicas needs --partition: which one is to move?");
          if (reassign_.name.empty() && (reassign_.cancel || !raw_.replicas.empty() || !raw_.some.empty()))
            refuse("name is required: which topic?");
          return reassign_;
        });
    reassign.add_option("name", reassign_.name, "the topic (default: all that move)")->type_name("NAME");
    reassign.add_option("--partition", raw_.some, kPartition)->type_name("N")->allow_extra_args(false);
    reassign
        .add_option("--replicas", raw_.replicas,
                    "the brokers that shall have it; the first is the preferred leader")
        ->type_name("ID,...");
    reassign.add_flag("--cancel", reassign_.cancel, "gives a move up: back to the brokers from before");
    throttle(reassign, reassign_.throttle);

    auto& elect =
        add(under, "elect", "makes the preferred replica the leader, or an operator's choice", [this] {
          elect_.partitions = partition_numbers();
          if (elect_.unclean && elect_.partitions.empty())
            refuse("--unclean needs --partition: records may be lost, so each is to be named");
          return elect_;
        });
    elect.add_option("name", elect_.name, "the topic")->type_name("NAME")->required();
    elect.add_option("--partition", raw_.some, kPartition)->type_name("N")->allow_extra_args(false);
    elect.add_flag("--unclean", elect_.unclean,
                   "where no replica in sync lives, take one that is not: what it does not have is lost");
  }
  std::vector<int32_t> partition_numbers() {
    std::vector<int32_t> numbers;
    numbers.reserve(raw_.some.size());
    for (const int64_t one : raw_.some) numbers.push_back(within<int32_t>(one, 0, INT32_MAX, "--partition"));
    return numbers;
  }

  void group() {
    CLI::App& under = family("group");
    add(under, "list", "lists consumer groups and their states", [] { return GroupList{}; });
    auto& describe =
        add(under, "describe", "offsets, lag and members of groups", [this] { return group_describe_; });
    describe.add_option("group", group_describe_.names, "groups")->type_name("GROUP")->required();
    auto& remove = add(under, "delete", "deletes groups without members, and what they committed",
                       [this] { return group_delete_; });
    remove.add_option("group", group_delete_.names, "groups")->type_name("GROUP")->required();

    auto& reset = add(under, "reset-offsets", "moves where a group without members goes on",
                      [this] { return where_to(); });
    reset.add_option("group", reset_.group, "the group")->type_name("GROUP")->required();
    reset
        .add_option("--topic", raw_.topics,
                    "a topic, and which partitions of it (default: all that are committed); may "
                    "be given again")
        ->type_name("TOPIC[:P,...]")
        ->allow_extra_args(false);
    reset.add_flag("--to-earliest", raw_.to_earliest, "to the first record there is");
    reset.add_flag("--to-latest", raw_.to_latest, "behind the last");
    reset.add_option("--to-offset", raw_.to_offset, "to this offset")->type_name("OFFSET");
    reset.add_option("--to-datetime", raw_.to_time, "to the first record that is not older")
        ->type_name("TIME");
    reset.add_option("--by-duration", raw_.to_before, "to the first record that is younger than this")
        ->type_name("DURATION");
    reset.add_option("--shift-by", raw_.to_shift, "so many records on, or (below 0) back")->type_name("N");
    reset.add_flag("--dry-run", raw_.dry_run, "only show what would be done (the default)");
    reset.add_flag("--execute", raw_.execute, "do it");
  }
  GroupReset where_to() {
    const bool given[] = {raw_.to_earliest,      raw_.to_latest,          !raw_.to_offset.empty(),
                          !raw_.to_time.empty(), !raw_.to_before.empty(), !raw_.to_shift.empty()};
    if (std::ranges::count(given, true) != 1) {
      refuse(
          "where to? give one of --to-earliest, --to-latest, --to-offset, --to-datetime, --by-duration, "
          "--shift-by");
    }
    using To = GroupReset::To;
    if (raw_.to_latest) reset_.to = To::latest;
    if (!raw_.to_offset.empty()) {
      reset_.to = To::offset;
      checked(parse_integer(raw_.to_offset), "--to-offset", reset_.value);
      if (reset_.value < 0) refuse("--to-offset: an offset is not below 0");
    }
    if (!raw_.to_time.empty()) {
      reset_.to = To::time;
      checked(parse_time(raw_.to_time), "--to-datetime", reset_.value);
    }
    if (!raw_.to_before.empty()) {
      reset_.to = To::before_now;
      checked(parse_duration(raw_.to_before), "--by-duration", reset_.before_now);
    }
    if (!raw_.to_shift.empty()) {
      reset_.to = To::shift;
      checked(parse_integer(raw_.to_shift), "--shift-by", reset_.value);
    }
    for (const auto& text : raw_.topics) {
      std::pair<std::string, std::vector<int32_t>> one;
      checked(parse_topic_partitions(text), "--topic", one);
      reset_.topics.push_back(std::move(one));
    }
    if (raw_.dry_run && raw_.execute) refuse("--dry-run and --execute contradict each other");
    reset_.execute = raw_.execute;
    return reset_;
  }

  void cluster() {
    CLI::App& under = family("cluster");
    add(under, "info", "the cluster's id, its brokers and its controller", [] { return ClusterInfo{}; });
    auto& config = add(under, "config", "shows or changes the brokers' dynamic settings", [this] {
      if (raw_.broker != -1) cluster_config_.broker = within<int32_t>(raw_.broker, 0, INT32_MAX, "--broker");
      cluster_config_.set = settings("--set");
      return cluster_config_;
    });
    config.add_option("--broker", raw_.broker, "of this broker (default: what holds for all)")
        ->type_name("ID");
    config.add_option("--set", raw_.config, "changes a setting; may be given again")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    config.add_option("--delete", cluster_config_.remove, "back to the default; may be given again")
        ->type_name("NAME")
        ->allow_extra_args(false);
    operations(under);
  }
  void operations(CLI::App& under) {
    auto& status =
        add(under, "status",
            "how the cluster does: brokers, leaders, replicas that lag, etcd members that brokers run",
            [this] { return status_; });
    status.add_flag(
        "--check", status_.check,
        "end with 1 where a partition lacks a leader or a replica, a topic is left aside, an etcd member "
        "that a broker runs is not well, or a broker that lives cannot be asked for one");

    auto& events = add(under, "events", "what the controller decided, and why", [this] {
      if (raw_.count != -1) events_.count = within<int64_t>(raw_.count, 1, 1'000'000, "--count");
      return events_;
    });
    events.add_option("--count", raw_.count, "the newest so many (default: 100)")->type_name("N");

    using What = ClusterOrder::What;
    auto& drain = order(under, "drain", "moves all leaders and replicas away from a broker", What::drain);
    drain.add_flag("--wait", order_.wait, "end when nothing is left there (see --timeout)");
    throttle(drain, order_.throttle);
    order(under, "resume", "takes a drain back: the broker gets its share again", What::resume);
    order(under, "remove", "forgets a dead broker: its replicas are made anew elsewhere", What::remove);

    auto& rebalance =
        add(under, "rebalance", "evens out what the brokers hold", [this] { return rebalance_; });
    rebalance.add_flag("--dry-run", rebalance_.dry_run, "only show what would move");
    rebalance.add_flag("--wait", rebalance_.wait, "end when nothing moves any more (see --timeout)");
    throttle(rebalance, rebalance_.throttle);

    add(under, "throttle", "bounds what moving replicas may take of each broker",
        [this] {
          checked(parse_rate(raw_.rate), "rate", throttle_.bytes_per_second);
          return throttle_;
        })
        .add_option("rate", raw_.rate,
                    "bytes a second, such as 50MB/s; off: no bound; default: as configured")
        ->type_name("RATE")
        ->required();
    upgrade(under);
  }
  void upgrade(CLI::App& under) {
    auto& command =
        add(under, "upgrade", "raises the feature level, once every broker runs the new build", [this] {
          if (raw_.level != -1) upgrade_.level = within<int16_t>(raw_.level, 1, INT16_MAX, "--to");
          return upgrade_;
        });
    command.add_option("--to", raw_.level, "to this level (default: the highest that all brokers take)")
        ->type_name("LEVEL");
    command.add_flag("--dry-run", upgrade_.dry_run, "only say whether it could be done");
  }
  void throttle(CLI::App& command, std::optional<int64_t>& into) {
    command
        .add_option_function<std::string>(
            "--throttle",
            [this, &into](const std::string& text) {
              checked(parse_rate(text), "--throttle", into.emplace());
            },
            "before that, as 'godwit cluster throttle' (it stays)")
        ->type_name("RATE");
  }
  CLI::App& order(CLI::App& under, const std::string& name, const std::string& help,
                  ClusterOrder::What what) {
    auto& command = add(under, name, help, [this, what] {
      order_.what = what;
      order_.broker = within<int32_t>(raw_.broker, 0, INT32_MAX, "broker");
      return order_;
    });
    command.add_option("broker", raw_.broker, "the broker's number")->type_name("ID")->required();
    return command;
  }

  void produce() {
    auto& command = add(app_, "produce", "publishes each line of standard input as a record", [this] {
      if (!raw_.key_separator.empty()) {
        std::string separator;
        checked(unescape(raw_.key_separator), "--key-separator", separator);
        produce_.key_separator = separator;
      }
      for (const auto& text : raw_.headers) {
        std::pair<std::string, std::string> one;
        checked(parse_setting(text), "--header", one);
        produce_.headers.push_back({one.first, one.second});
      }
      produce_.compression = compression();
      produce_.acks = acks();
      produce_.partition = partition();
      return produce_;
    });
    command.add_option("topic", produce_.topic, "the topic")->type_name("TOPIC")->required();
    command.add_option("--key-separator", raw_.key_separator, "a line is KEY, this, and the value")
        ->type_name("TEXT");
    command.add_option("--header", raw_.headers, "a header of each record; may be given again")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
    command.add_option("--partition", raw_.partition, "to this partition (default: by the key)")
        ->type_name("N");
    compression_and_acks(command);
  }

  void consume() {
    auto& command = add(app_, "consume", "prints the records of a topic", [this] {
      if (!raw_.from.empty()) {
        client::Start start;
        checked(parse_start(raw_.from), "--from", start);
        consume_.from = start;
      }
      consume_.partition = partition();
      if (raw_.count != -1) consume_.count = within<uint64_t>(raw_.count, 1, INT64_MAX, "--count");
      if (!consume_.group.empty() && consume_.partition) {
        refuse("--group and --partition contradict each other: a group shares partitions out itself");
      }
      using Kind = client::Start::Kind;
      if (!consume_.group.empty() && consume_.from && consume_.from->kind != Kind::beginning &&
          consume_.from->kind != Kind::end) {
        refuse("--from: a group begins at beginning or end; to move one, 'godwit group reset-offsets'");
      }
      return consume_;
    });
    command.add_option("topic", consume_.topic, "the topic")->type_name("TOPIC")->required();
    command
        .add_option("--from", raw_.from,
                    "beginning, end, an offset or a time (default: end, with --exit-at-end the beginning; a "
                    "group goes on where it committed)")
        ->type_name("WHERE");
    command.add_option("--group", consume_.group, "read as a member of this group, and commit")
        ->type_name("GROUP");
    command.add_option("--partition", raw_.partition, "only this partition")->type_name("N");
    command.add_option("--count", raw_.count, "end after so many records")->type_name("N");
    command
        .add_option(
            "--format", consume_.format,
            "what is printed of a record: %t topic, %p partition, %o offset, %T time, %k key, %v value, %h "
            "headers, %%, \\n, \\t, \\xHH (default: %v\\n)")
        ->type_name("FORMAT");
    command.add_flag("--exit-at-end", consume_.exit_at_end, "end when everything there is was read");
  }

  void bench() {
    CLI::App& under = family("bench");
    auto& produce = add(under, "produce", "publishes records as fast as it can: MB/s and latencies", [this] {
      if (raw_.count != -1) bench_produce_.records = within<uint64_t>(raw_.count, 1, INT64_MAX, "--records");
      checked(parse_duration(raw_.linger), "--linger", bench_produce_.linger);
      bench_produce_.compression = compression();
      bench_produce_.acks = acks();
      return bench_produce_;
    });
    produce.add_option("topic", bench_produce_.topic, "the topic")->type_name("TOPIC")->required();
    produce.add_option("--records", raw_.count, "how many (default: 1000000)")->type_name("N");
    produce.add_option("--size", bench_produce_.size, "bytes of each value (default: 1024)")
        ->type_name("BYTES")
        ->check(CLI::Range(1, 64 << 20));
    produce.add_option("--linger", raw_.linger, "how long a record waits for company (default: 5ms)")
        ->type_name("DURATION");
    produce.add_flag("--one-by-one", bench_produce_.one_by_one,
                     "wait for each acknowledgement before the next record");
    compression_and_acks(produce);
    auto& consume = add(under, "consume", "reads a topic from its beginning as fast as it can: MB/s", [this] {
      if (raw_.count != -1) bench_consume_.records = within<uint64_t>(raw_.count, 1, INT64_MAX, "--records");
      return bench_consume_;
    });
    consume.add_option("topic", bench_consume_.topic, "the topic")->type_name("TOPIC")->required();
    consume.add_option("--records", raw_.count, "at most so many (default: 1000000)")->type_name("N");
  }

  CLI::App app_;
  Raw raw_;
  Ask ask_;
  std::string wrong_;
  TopicCreate create_;
  TopicList list_;
  TopicDescribe describe_;
  TopicDelete delete_;
  TopicAlter alter_;
  TopicConfig topic_config_;
  TopicReassign reassign_;
  TopicElect elect_;
  ClusterStatus status_;
  ClusterEvents events_;
  ClusterOrder order_;
  ClusterRebalance rebalance_;
  ClusterThrottle throttle_;
  ClusterUpgrade upgrade_;
  GroupDescribe group_describe_;
  GroupDelete group_delete_;
  GroupReset reset_;
  ClusterConfig cluster_config_;
  Produce produce_;
  Consume consume_;
  BenchProduce bench_produce_;
  BenchConsume bench_consume_;
};

}  // namespace

std::variant<Ask, Say> parse(std::span<const std::string> arguments, const std::string& brokers) {
  return Parser().parse(arguments, brokers);
}

std::span<const CommandName> command_names() {
  return kNames;
}

std::string manual() {
  return Parser().manual();
}

}  // namespace godwit::cli
