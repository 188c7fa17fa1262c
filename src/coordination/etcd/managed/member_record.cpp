#include "coordination/etcd/managed/member_record.h"

#include "codec/define.h"

GODWIT_STORED_CODEC(godwit::coordination::etcd::StoredMember);

namespace godwit::coordination::etcd {
namespace {

using runtime::Task;

const durable::FormatMark kFormat{"godwit-e", 1};
constexpr uint64_t kSizeMax = 64 << 10;

}  // namespace

Nonces StoredMember::nonces() const {
  Nonces all;
  for (const auto& stored : decided) all.emplace(stored.broker, stored.nonce);
  return all;
}

void StoredMember::set_nonces(const Nonces& all) {
  decided.clear();
  for (const auto& [broker, value] : all) decided.push_back({broker, value});
}

runtime::ProcessIdentity StoredMember::identity() const {
  return {process, static_cast<uint64_t>(process_started), process_boot};
}

void StoredMember::set_identity(const runtime::ProcessIdentity& identity) {
  process = identity.number;
  process_started = static_cast<int64_t>(identity.started);
  process_boot = identity.boot;
}

MemberRecord::MemberRecord(runtime::FileSystem& files, const std::string& folder)
    : file_(files, folder + "/member", kFormat, kSizeMax) {}

Task<Result<bool>> MemberRecord::load() {
  auto contents = co_await file_.read();
  if (!contents) co_return fail(contents.error());
  if (!*contents) co_return false;
  auto stored = codec::decode_versioned<StoredMember>(SharedBytes::own(std::move((*contents)->bytes)));
  if (!stored) co_return fail(ErrorKind::corrupt, "the record of the etcd member: " + stored.error().message);
  value = std::move(*stored);
  co_return true;
}

Task<Result<void>> MemberRecord::save() {
  const auto bytes = codec::encode_versioned(value, StoredMember::kFormat.versions.last);
  if (!bytes) co_return fail(bytes.error());
  const BytesView part(*bytes);
  co_return co_await file_.write({&part, 1});
}

}  // namespace godwit::coordination::etcd
