#include "durable/data_directory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "durable/atomic_file.h"
#include "durable/two_copy_file.h"

namespace godwit::durable {
namespace {

const FormatMark kFormat{"godwit-d", 1};
constexpr std::string_view kAside = "set-aside-";
constexpr uint64_t kIdentityMax = 4096;

// What brokers put into a data directory; only these are ever put aside.
constexpr std::array<std::string_view, 9> kOurs = {"journal",      "relaxed",    "topics",
                                                   "ballast",      "checkpoint", "identity",
                                                   "coordination", "joined",     "incarnation"};

// "checkpoint.a" and "checkpoint.a.new" are checkpoint's.
bool is_ours(std::string_view name) {
  return std::any_of(kOurs.begin(), kOurs.end(), [&](std::string_view ours) {
    return name == ours || (name.starts_with(ours) && name[ours.size()] == '.');
  });
}

bool is_no_matter(std::string_view name) {
  // "etcd" is the member that a managed etcd runs here: it knows for itself whether it is new.
  return name == "lock" || name == "lost+found" || name == "etcd" || name.starts_with(kAside);
}

// "cluster.id=…\nbroker.id=…\nstorage.id=…\n": an operator may look at it.
std::string print(const Identity& identity) {
  return "cluster.id=" + to_string(identity.cluster_id) +
         "\nbroker.id=" + std::to_string(identity.broker_id) +
         "\nstorage.id=" + to_string(identity.storage_id) + "\n";
}

std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == '=') {
      return line.substr(key.size() + 1);
    }
  }
  return std::nullopt;
}

std::optional<Identity> parse(std::string_view text) {
  const auto cluster = value_of(text, "cluster.id");
  const auto broker = value_of(text, "broker.id");
  const auto storage = value_of(text, "storage.id");
  if (!cluster || !broker || !storage) return std::nullopt;
  const auto cluster_id = Uuid::parse(*cluster);
  const auto storage_id = Uuid::parse(*storage);
  Identity identity;
  const auto [end, error] =
      std::from_chars(broker->data(), broker->data() + broker->size(), identity.broker_id);
  if (!cluster_id || !storage_id || error != std::errc{} || end != broker->data() + broker->size()) {
    return std::nullopt;
  }
  identity.cluster_id = *cluster_id;
  identity.storage_id = *storage_id;
  return identity;
}

}  // namespace

class DataDirectoryOpener {
 public:
  DataDirectoryOpener(runtime::FileSystem& files, DataDirectoryOptions options, runtime::Random& random,
                      DiagnosticSink& diagnostics)
      : files_(files), options_(std::move(options)), random_(random), diagnostics_(diagnostics) {}

  runtime::Task<Result<std::unique_ptr<DataDirectory>>> open() {
    std::unique_ptr<DataDirectory> out(new DataDirectory);
    out->path_ = options_.path;
    GW_TRY(co_return, explained(co_await make_folders(options_.path)));
    auto lock = co_await files_.lock(options_.path + "/lock");
    if (!lock) GW_TRY(co_return, explained(fail(lock.error())));
    out->lock_ = std::move(*lock);
    TwoCopyFile file(files_, options_.path + "/identity", kFormat, kIdentityMax);
    const auto found = co_await file.read();
    if (!found && found.error().kind != ErrorKind::corrupt) {
      GW_TRY(co_return, explained(fail(found.error())));
    }
    std::optional<Identity> identity;
    if (found && *found) identity = parse(as_text((*found)->bytes));
    if (identity) {
      GW_TRY(co_return, check(*identity));
      out->identity_ = *identity;
      // One copy rotted, or the first start was interrupted between the two.
      if (!(*found)->other_copy.empty() || (*found)->sequence < 2) {
        GW_TRY(co_return, explained(co_await write(file, *identity)));
      }
      co_return out;
    }
    GW_TRY(co_return, explained(co_await put_aside(*out, found ? "" : found.error().message)));
    out->fresh_ = true;
    out->identity_.broker_id = options_.broker_id;
    out->identity_.cluster_id = options_.cluster_id.value_or(Uuid::from_random(random_.bytes16()));
    if (!options_.cluster_id && options_.choose_cluster) {
      auto chosen = co_await options_.choose_cluster();
      if (!chosen) co_return fail(chosen.error());
      out->identity_.cluster_id = *chosen;
    }
    out->identity_.storage_id = Uuid::from_random(random_.bytes16());
    TwoCopyFile fresh(files_, options_.path + "/identity", kFormat, kIdentityMax);
    GW_TRY(co_return, explained((co_await fresh.read()).map([](const auto&) {})));
    GW_TRY(co_return, explained(co_await write(fresh, out->identity_)));
    GW_TRY(co_return, explained(co_await write(fresh, out->identity_)));
    co_return out;
  }

 private:
  // Makes an error say what to do.
  Result<void> explained(Result<void> result) const {
    if (result) return result;
    const std::string& what = result.error().message;
    switch (result.error().kind) {
      case ErrorKind::permission:
        return fail(ErrorKind::permission,
                    "the data directory " + options_.path + " cannot be written (" + what +
                        "); give the user that runs godwit write access, or choose another one");
      case ErrorKind::conflict:
        return fail(ErrorKind::conflict, "the data directory " + options_.path + " is in use (" + what +
                                             "); stop that process, or choose another one");
      case ErrorKind::no_space:
        return fail(ErrorKind::no_space, "the disk of the data directory " + options_.path + " is full (" +
                                             what + "); free some space and start again");
      default:
        return fail(result.error().kind, "the data directory " + options_.path + " cannot be used: " + what);
    }
  }

  // Each folder that is missing, durably.
  runtime::Task<Result<void>> make_folders(std::string path) {
    const auto there = co_await files_.exists(path);
    if (!there) co_return fail(there.error());
    if (*there) co_return Result<void>();
    const std::string parent = folder_of(path);
    if (parent != path && parent != "." && parent != "/") {
      GW_TRY(co_return, co_await make_folders(parent));
    }
    GW_TRY(co_return, co_await files_.make_directory(path));
    co_return co_await files_.sync_directory(parent);
  }

  Result<void> check(const Identity& identity) const {
    if (identity.broker_id != options_.broker_id) {
      return fail(ErrorKind::invalid,
                  "the data directory " + options_.path + " belongs to broker " +
                      std::to_string(identity.broker_id) + ", and this is broker " +
                      std::to_string(options_.broker_id) +
                      "; set the broker id to its owner's, or choose another data directory");
    }
    if (options_.cluster_id && identity.cluster_id != *options_.cluster_id) {
      return fail(ErrorKind::invalid, "the data directory " + options_.path + " belongs to cluster " +
                                          to_string(identity.cluster_id) +
                                          ", and this broker is of cluster " +
                                          to_string(*options_.cluster_id) +
                                          "; connect to its cluster, or choose another data directory");
    }
    return {};
  }

  runtime::Task<Result<void>> write(TwoCopyFile& file, const Identity& identity) {
    const std::string text = print(identity);
    const BytesView part = as_bytes(text);
    co_return co_await file.write({&part, 1});
  }

  runtime::Task<Result<void>> put_aside(DataDirectory& out, std::string why) {
    const auto listed = co_await files_.list(options_.path);
    if (!listed) co_return fail(listed.error());
    std::vector<std::string> ours;
    std::set<std::string> names;
    bool more_than_begun = false;
    for (const auto& entry : *listed) {
      names.insert(entry.name);
      if (is_no_matter(entry.name)) continue;
      if (!is_ours(entry.name)) {
        co_return fail(ErrorKind::invalid,
                       "it holds \"" + entry.name + "\", which is not a broker's; choose an empty directory");
      }
      ours.push_back(entry.name);
      // What the first start leaves when it is interrupted.
      more_than_begun = more_than_begun || entry.name != "identity.a.new";
    }
    if (!more_than_begun) co_return Result<void>();
    size_t n = 1;
    while (names.contains(std::string(kAside) + std::to_string(n))) ++n;
    out.set_aside_ = options_.path + "/" + std::string(kAside) + std::to_string(n);
    GW_TRY(co_return, co_await files_.make_directory(out.set_aside_));
    GW_TRY(co_return, co_await files_.sync_directory(options_.path));
    for (const std::string& name : ours) {
      GW_TRY(co_return, co_await files_.rename(options_.path + "/" + name, out.set_aside_ + "/" + name));
    }
    GW_TRY(co_return, co_await files_.sync_directory(out.set_aside_));
    GW_TRY(co_return, co_await files_.sync_directory(options_.path));
    diagnostics_.emit(
        {Severity::error,
         "data_directory.no_identity",
         "the data directory has no valid identity and begins empty; what was in it was put aside",
         {{"path", options_.path}, {"set_aside", out.set_aside_}, {"why", std::move(why)}}});
    co_return Result<void>();
  }

  runtime::FileSystem& files_;
  DataDirectoryOptions options_;
  runtime::Random& random_;
  DiagnosticSink& diagnostics_;
};

runtime::Task<Result<std::unique_ptr<DataDirectory>>> DataDirectory::open(runtime::FileSystem& files,
                                                                          DataDirectoryOptions options,
                                                                          runtime::Random& random,
                                                                          DiagnosticSink& diagnostics) {
  DataDirectoryOpener opener(files, std::move(options), random, diagnostics);
  co_return co_await opener.open();
}

}  // namespace godwit::durable
