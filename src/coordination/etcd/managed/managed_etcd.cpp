#include "coordination/etcd/managed/managed_etcd.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordination/etcd/managed/door.h"
#include "coordination/etcd/managed/member_look.h"
#include "coordination/etcd/managed/member_record.h"
#include "coordination/etcd/managed/output.h"
#include "coordination/etcd/managed/replacement.h"
#include "coordination/etcd/session.h"

namespace godwit::coordination {

using runtime::Task;
using namespace etcd;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration kAskEvery = milliseconds(200);     // others' doors
constexpr Duration kLookEvery = milliseconds(200);    // whether the process answers, and still runs
constexpr Duration kOutputEvery = seconds(1);         // how large what it printed is
constexpr Duration kDoorTimeout = milliseconds(500);  // one question
constexpr int kMuteMeansEtcd = 5;
constexpr Duration kTroublePause = seconds(2);  // after what an operator must see to
constexpr Duration kHandOverMax = seconds(2);   // of etcd's leadership
// From SIGTERM to SIGKILL. etcd waits up to 6 s for the watches of others to go, which they do not; ending it costs nothing
// then: what it acknowledged is synced, and it leads no more.
constexpr Duration kTerminateMax = seconds(2);
constexpr Duration kSeenFor = milliseconds(500);   // how long what was seen of the members is told
constexpr Duration kRestartPauseMax = seconds(5);  // between two starts of a member that ends by itself
constexpr size_t kPemBytesMax = 1 << 20;

Task<Result<std::string>> read_pem(runtime::FileSystem& files, std::string path) {
  if (path.empty()) co_return std::string();
  auto bytes = co_await runtime::read_file(files, path, kPemBytesMax);
  if (!bytes) co_return fail(bytes.error().kind, path + ": " + bytes.error().message);
  co_return std::string(as_text(*bytes));
}

std::string data_of(const std::string& folder) {
  return folder + "/data";
}

}  // namespace

std::unique_ptr<runtime::Process> find_member(runtime::Processes& processes, const std::string& folder) {
  auto found = processes.find(distinguishing_words(data_of(folder)));
  return found ? std::move(*found) : nullptr;
}

Task<void> end_member(runtime::Process& member) {
  member.terminate();
  runtime::Shard& here = *runtime::Shard::current();
  runtime::Timer limit(here);
  limit.start(here.now() + kTerminateMax, [&member] { member.kill(); });
  co_await member.ended();
}

struct ManagedEtcd::Core : std::enable_shared_from_this<Core> {
  Core(runtime::Runtime& host, runtime::Processes& children, ManagedEtcdOptions given, DiagnosticSink& sink)
      : runtime(host),
        processes(children),
        options(std::move(given)),
        diagnostics(sink),
        own(*options.address.of(options.broker)),
        record(host.files(), options.folder) {}

  std::string data() const { return data_of(options.folder); }
  std::string output() const { return options.folder + "/output"; }
  bool tls() const { return options.settings.tls(); }
  MonotonicTime now() const { return runtime::Shard::current()->now(); }
  void tell(Severity severity, std::string name, std::string text,
            std::vector<std::pair<std::string, std::string>> fields = {}) {
    fields.emplace_back("broker", to_string(options.broker));
    diagnostics.emit({severity, std::move(name), std::move(text), std::move(fields)});
  }
  // Says what it waits for once, not each time that it looks.
  void tell_once(Severity severity, const std::string& name, const std::string& text) {
    if (std::exchange(last_told, text) != text) tell(severity, name, text);
  }
  // False when it is to end.
  Task<bool> pause(Duration duration) {
    const MonotonicTime until = now() + duration;
    while (!ending && now() < until) (void)co_await ends.wait_until(until);
    co_return !ending;
  }
  Task<Result<bool>> has_data() { co_return co_await runtime.files().exists(data() + "/member"); }
  WireOptions wire_options(std::vector<runtime::Endpoint> endpoints) const {
    return {.endpoints = std::move(endpoints),
            .tls = tls(),
            .authority = authority,
            .certificate = certificate,
            .key = key};
  }

  // That the folder cannot be looked into is no proof that the data are gone: waits until it can. Empty: it is to end.
  Task<std::optional<bool>> look_for_data();
  static Task<void> run(std::shared_ptr<Core> core);
  Task<bool> save();
  Task<void> adopt();
  Task<bool> prepare();
  Task<bool> draw_nonce();
  Task<bool> agree();
  Task<bool> take_step(Step step, bool& ready);
  Task<bool> join();
  Task<std::map<BrokerId, Heard>> ask_others();
  MemberState state() const;
  Task<void> watch_over();
  Task<bool> prove();
  Task<void> bound_what_it_printed();
  Task<void> hand_over();

  runtime::Runtime& runtime;
  runtime::Processes& processes;
  const ManagedEtcdOptions options;
  DiagnosticSink& diagnostics;
  const Member own;
  MemberRecord record;
  std::string authority, certificate, key;  // PEM texts
  std::unique_ptr<runtime::Process> process;
  bool proven = false;           // the running process has answered as the member that it is taken for
  Nonces decided;                // what the door says; stored before
  std::map<BrokerId, int> mute;  // how often in a row a member's address accepted and said nothing
  bool ending = false;
  runtime::Condition ends;
  enum class Stop { none, under_way, done } stop = Stop::none;
  runtime::Condition stopped;
  runtime::Mutex looking;  // at the members; held with what follows
  std::vector<EngineMember> seen;
  std::optional<MonotonicTime> seen_at;
  std::string last_told;
  runtime::Gate gate;
};

MemberState ManagedEtcd::Core::state() const {
  return {options.broker, to_string(Address(options.address)), options.cluster, record.value.nonce, decided};
}

// Saving fails where the disk is full or broken: nothing goes on without it.
Task<bool> ManagedEtcd::Core::save() {
  for (;;) {
    const auto saved = co_await record.save();
    if (saved) co_return true;
    tell_once(Severity::error, "etcd.record_not_saved",
              "the record of the etcd member cannot be written: " + saved.error().describe());
    if (!co_await pause(kTroublePause)) co_return false;
  }
}

Task<std::optional<bool>> ManagedEtcd::Core::look_for_data() {
  for (;;) {
    const auto there = co_await has_data();
    if (there) co_return *there;
    tell_once(
        Severity::error, "etcd.data_not_readable",
        "whether the data of the etcd member are there cannot be seen; the member is neither started nor "
        "given up until they can: " +
            there.error().describe());
    if (!co_await pause(kTroublePause)) co_return std::nullopt;
  }
}

// Finds the member that an earlier process of this broker left running, if there is one.
Task<void> ManagedEtcd::Core::adopt() {
  // Whoever stops meanwhile ends it, whatever is found out about it.
  if (auto remembered = processes.adopt(record.value.identity())) process = std::move(*remembered);
  // The record may have missed a start by a crash; the folder's name in the arguments tells as well.
  if (!process) process = find_member(processes, options.folder);
  if (!process) co_return;
  const auto data_there = co_await look_for_data();
  if (!data_there) co_return;
  const bool is_known = !record.value.initial_cluster.empty() && *data_there;
  if (is_known) {
    tell(Severity::info, "etcd.adopted", "the etcd member of an earlier process of this broker runs on",
         {{"process", std::to_string(process->identity().number)}});
    co_return;
  }
  tell(Severity::warning, "etcd.orphan_ended",
       "an etcd runs in this broker's folder without its data: it is ended",
       {{"process", std::to_string(process->identity().number)}});
  co_await end_member(*process);
  process.reset();
}

Task<bool> ManagedEtcd::Core::draw_nonce() {
  const StoredMember blank;
  record.value = blank;
  record.value.nonce = Uuid::from_random(runtime::Shard::current()->random().bytes16());
  co_return co_await save();
}

// Until the member may be started, and record.value says with what. False: it is to end.
Task<bool> ManagedEtcd::Core::prepare() {
  const auto data_there = co_await look_for_data();
  if (!data_there) co_return false;
  if (*data_there) co_return true;  // start() has seen that a record belongs to it
  if (record.value.ran || record.value.joins) {
    tell(Severity::warning, "etcd.member_lost",
         "the data of this broker's etcd member are gone: it is replaced by a new member");
    if (!co_await draw_nonce()) co_return false;
  }
  if (record.value.nonce.is_zero() && !co_await draw_nonce()) co_return false;
  co_return co_await agree();
}

Task<std::map<BrokerId, Heard>> ManagedEtcd::Core::ask_others() {
  std::vector<Task<Heard>> questions;
  std::vector<BrokerId> whom;
  for (const auto& member : options.address.members) {
    if (member.broker == options.broker) continue;
    whom.push_back(member.broker);
    questions.push_back(ask_door(runtime.network(), member.peers(), kDoorTimeout));
  }
  auto answers = co_await runtime::when_all(std::move(questions));
  std::map<BrokerId, Heard> heard;
  for (size_t i = 0; i < whom.size(); ++i) {
    int& times = mute[whom[i]];
    times = std::holds_alternative<Mute>(answers[i]) ? times + 1 : 0;
    // An etcd that wants TLS ends connections without a word, and goes on doing so; a door that closes does it once.
    if (tls() && times >= kMuteMeansEtcd) answers[i] = SomethingElse{};
    heard.emplace(whom[i], std::move(answers[i]));
  }
  co_return heard;
}

Task<bool> ManagedEtcd::Core::agree() {
  const auto self = shared_from_this();
  decided = record.value.nonces();
  std::unique_ptr<Door> door;
  while (!door) {
    auto opened = co_await Door::open(runtime.network(), {listen_host(own.clients.host), own.peers().port});
    if (opened) {
      door = std::move(*opened);
      break;
    }
    tell_once(Severity::error, "etcd.port_taken",
              "the port of the etcd member's peers cannot be listened at: " + opened.error().describe());
    if (!co_await pause(kTroublePause)) co_return false;
  }
  runtime::Gate serving;
  serving.spawn(*runtime::Shard::current(), door->serve([self] { return self->state(); }));
  bool ready = false;
  while (!ready && !ending) {
    const auto heard = co_await ask_others();
    if (ending) break;
    if (!co_await take_step(next_step(state(), heard), ready)) break;
  }
  co_await door->close();
  co_await serving.close();
  co_return ready && !ending;
}

// False: it is to end. `ready` once the member may be started.
Task<bool> ManagedEtcd::Core::take_step(Step step, bool& ready) {
  if (const auto* wait = std::get_if<Wait>(&step)) {
    tell_once(Severity::info, "etcd.waits", wait->why);
    co_return co_await pause(kAskEvery);
  }
  if (const auto* stuck = std::get_if<Stuck>(&step)) {
    tell_once(Severity::error, "etcd.stuck", stuck->why);
    co_return co_await pause(kTroublePause);
  }
  if (const auto* decide = std::get_if<Decide>(&step)) {
    // The door says so only once it is stored: others count on it.
    record.value.set_nonces(decide->nonces);
    if (!co_await save()) co_return false;
    decided = decide->nonces;
    co_return true;
  }
  if (std::holds_alternative<Form>(step)) {
    record.value.initial_cluster = initial_cluster(options.address, tls());
    record.value.joins = false;
    ready = co_await save();
    if (ready) tell(Severity::info, "etcd.formed", "all members agreed: the cluster's etcd is formed");
    co_return ready;
  }
  ready = co_await join();
  co_return ready || co_await pause(kAskEvery * 2);
}

Task<bool> ManagedEtcd::Core::join() {
  // That our own address leads here is what keeps a copy of a broker's configuration elsewhere from throwing out the member
  // that lives.
  const Heard self = co_await ask_door(runtime.network(), own.peers(), kDoorTimeout);
  const auto* heard = std::get_if<MemberState>(&self);
  if (heard == nullptr || heard->nonce != record.value.nonce) {
    tell_once(Severity::error, "etcd.not_here",
              fmt::format("{} does not lead to this broker: its etcd member is not replaced",
                          runtime::to_string(own.peers())));
    co_return false;
  }
  std::vector<runtime::Endpoint> others;
  for (const auto& member : options.address.members)
    if (member.broker != options.broker) others.push_back(member.clients);
  Wire wire(*runtime::Shard::current(), wire_options(std::move(others)));
  const auto entry = co_await replace_member(wire, options.address, own, tls());
  if (!entry) {
    tell_once(entry.error().kind == ErrorKind::conflict ? Severity::error : Severity::info, "etcd.waits",
              "the lost etcd member cannot be replaced yet: " + entry.error().message);
    co_return false;
  }
  record.value.initial_cluster = entry->initial_cluster;
  record.value.joins = true;
  record.value.member = static_cast<int64_t>(entry->member);
  const bool saved = co_await save();
  if (saved)
    tell(Severity::warning, "etcd.replaced",
         "the lost etcd member was removed, and a new one takes its place");
  co_return saved;
}

// Whether what answers at our address is the member that this process is taken for.
Task<bool> ManagedEtcd::Core::prove() {
  Wire wire(*runtime::Shard::current(), wire_options({own.clients}));
  const auto status = co_await wire.status(0);
  if (!status) co_return false;
  auto& value = record.value;
  const auto member = static_cast<int64_t>(status->member);
  const auto cluster = static_cast<int64_t>(status->cluster);
  if ((value.member != 0 && value.member != member) || (value.cluster != 0 && value.cluster != cluster)) {
    tell_once(Severity::error, "etcd.not_ours",
              fmt::format("at {} answers member {:x} of cluster {:x}, not member {:x} of cluster {:x}",
                          runtime::to_string(own.clients), status->member, status->cluster,
                          static_cast<uint64_t>(value.member), static_cast<uint64_t>(value.cluster)));
    co_return false;
  }
  if (!value.ran || value.member != member || value.cluster != cluster) {
    value.ran = true;
    value.member = member;
    value.cluster = cluster;
    if (!co_await save()) co_return false;
  }
  co_return true;
}

Task<void> ManagedEtcd::Core::bound_what_it_printed() {
  const auto bounded = co_await bound_output(runtime.files(), output(), options.output_bytes_max);
  if (bounded) co_return;
  tell_once(Severity::warning, "etcd.output_not_kept",
            "what the etcd member printed could not be kept as usual: " + bounded.error().describe());
}

// Until the process has ended, or all is to end.
Task<void> ManagedEtcd::Core::watch_over() {
  MonotonicTime next_output = now();
  while (!ending && process->running()) {
    if (now() >= next_output) {
      co_await bound_what_it_printed();
      next_output = now() + kOutputEvery;
    }
    if (!proven) {
      proven = co_await prove();
      if (proven) tell(Severity::info, "etcd.answers", "the etcd member of this broker answers");
    }
    if (!co_await pause(kLookEvery)) co_return;
  }
}

Task<void> ManagedEtcd::Core::run(std::shared_ptr<Core> core) {
  Core& me = *core;
  co_await me.adopt();
  for (int failures = 0; !me.ending;) {
    if (!me.process) {
      if (!co_await me.prepare() || me.ending) break;
      auto started = me.processes.start(
          {.arguments = member_command(me.options.settings, me.own, me.data(), me.record.value),
           .output_path = me.output(),
           .environment_dropped = "ETCD_"});
      if (!started) {
        me.tell_once(Severity::error, "etcd.not_started",
                     started.error().describe() + "; is the package etcd-server installed?");
        if (!co_await me.pause(kTroublePause)) break;
        continue;
      }
      me.process = std::move(*started);
    }
    const MonotonicTime since = me.now();
    me.proven = false;
    if (me.record.value.identity() != me.process->identity()) {
      me.record.value.set_identity(me.process->identity());
      if (!co_await me.save()) break;
    }
    co_await me.watch_over();
    if (me.ending) break;
    me.process.reset();
    me.proven = false;
    failures = me.now() - since > seconds(30) ? 1 : failures + 1;
    me.tell(Severity::error, "etcd.ended",
            "the etcd member of this broker ended by itself; it is started again", {{"output", me.output()}});
    const Duration pause =
        std::min<Duration>(kRestartPauseMax, milliseconds(100) * (1 << std::min(failures, 10)));
    if (!co_await me.pause(pause)) break;
  }
}

// A leader that just ended would cost an election.
Task<void> ManagedEtcd::Core::hand_over() {
  const MonotonicTime until = now() + kHandOverMax;
  Wire wire(*runtime::Shard::current(), wire_options({own.clients}));
  const auto status = co_await wire.status(0);
  if (!status || status->leader != status->member) co_return;
  // One that never proved to be ours may be anybody's.
  const auto& value = record.value;
  if (value.member != 0 && static_cast<int64_t>(status->member) != value.member) co_return;
  const auto members = co_await wire.members(0);
  if (!members) co_return;
  for (const auto& member : *members) {
    if (member.id == status->member || now() >= until) continue;
    if (co_await wire.move_leader(0, member.id)) co_return;
  }
}

ManagedEtcd::ManagedEtcd(std::shared_ptr<Core> core) : core_(std::move(core)) {}
ManagedEtcd::~ManagedEtcd() = default;

Task<Result<std::unique_ptr<ManagedEtcd>>> ManagedEtcd::start(runtime::Runtime& runtime,
                                                              runtime::Processes& processes,
                                                              ManagedEtcdOptions options,
                                                              DiagnosticSink& diagnostics) {
  if (options.address.of(options.broker) == nullptr) {
    co_return fail(ErrorKind::invalid,
                   fmt::format("broker {} is not among the members of {}", to_string(options.broker),
                               to_string(Address(options.address))));
  }
  if (!options.folder.starts_with('/'))
    co_return fail(ErrorKind::invalid,
                   "the folder of an etcd member is named from the root: " + options.folder);
  GW_TRY(co_return, co_await runtime.files().make_directory(options.folder));
  auto core = std::make_shared<Core>(runtime, processes, std::move(options), diagnostics);
  const auto& settings = core->options.settings;
  for (const auto& [path, text] : {std::pair(&settings.authority_file, &core->authority),
                                   std::pair(&settings.certificate_file, &core->certificate),
                                   std::pair(&settings.key_file, &core->key)}) {
    auto pem = co_await read_pem(runtime.files(), *path);
    if (!pem) co_return fail(pem.error());
    *text = std::move(*pem);
  }
  const auto known = co_await core->record.load();
  if (!known) co_return fail(known.error());
  const auto data_there = co_await core->has_data();
  if (!data_there) co_return fail(data_there.error());
  if (*data_there && (!*known || core->record.value.initial_cluster.empty())) {
    co_return fail(
        ErrorKind::corrupt,
        fmt::format("{} holds the data of an etcd member, but no record of it lies beside: the folder was "
                    "put together by hand. Restore it whole, or remove it to have the member replaced",
                    core->options.folder));
  }
  core->gate.spawn(*runtime::Shard::current(), Core::run(core));
  co_return std::unique_ptr<ManagedEtcd>(new ManagedEtcd(std::move(core)));
}

EtcdOptions ManagedEtcd::client(std::string prefix) const {
  const auto& settings = core_->options.settings;
  EtcdOptions options{.endpoints = {core_->own.clients},
                      .prefix = std::move(prefix),
                      .tls = settings.tls(),
                      .authority_file = settings.authority_file,
                      .certificate_file = settings.certificate_file,
                      .key_file = settings.key_file};
  for (const auto& member : core_->options.address.members)
    if (member.broker != core_->own.broker) options.endpoints.push_back(member.clients);
  return options;
}

bool ManagedEtcd::answers() const {
  return core_->process && core_->process->running() && core_->proven;
}

runtime::ProcessIdentity ManagedEtcd::process() const {
  return core_->process && core_->process->running() ? core_->process->identity()
                                                     : runtime::ProcessIdentity{};
}

Task<std::vector<EngineMember>> ManagedEtcd::members() const {
  const auto core = core_;
  const auto lock = co_await core->looking.lock();
  if (!core->seen_at || core->now() - *core->seen_at > kSeenFor) {
    std::vector<runtime::Endpoint> all;
    for (const auto& member : core->options.address.members) all.push_back(member.clients);
    Wire wire(*runtime::Shard::current(), core->wire_options(std::move(all)));
    core->seen = co_await look_at_members(wire, core->options.address, core->tls(),
                                          static_cast<uint64_t>(core->record.value.cluster));
    core->seen_at = core->now();
  }
  co_return core->seen;
}

Task<void> ManagedEtcd::leave() {
  const auto core = core_;
  core->ending = true;
  core->ends.notify_all();
  co_await core->gate.close();
}

Task<void> ManagedEtcd::stop() {
  const auto core = core_;
  if (core->stop != Core::Stop::none) {
    while (core->stop != Core::Stop::done) co_await core->stopped.wait();
    co_return;
  }
  core->stop = Core::Stop::under_way;
  co_await leave();
  if (core->process && core->process->running()) {
    co_await core->hand_over();
    co_await end_member(*core->process);
    core->process.reset();
    core->record.value.set_identity({});
    // Where this fails the next start finds that the process does not run any more.
    (void)co_await core->record.save();
  }
  core->stop = Core::Stop::done;
  core->stopped.notify_all();
}

void ManagedEtcd::kill() {
  core_->ending = true;
  core_->ends.notify_all();
  if (core_->process) core_->process->kill();
}

}  // namespace godwit::coordination
