#include "coordination/local/local_coordination.h"

#include "codec/define.h"
#include "coordination/local/stored_writes.h"

GODWIT_STORED_CODEC(godwit::coordination::StoredWrites);

namespace godwit::coordination {
namespace {

using runtime::Task;

const durable::FormatMark kFormat{"godwit-m", 1};
// The file is rewritten when it is larger than this and four times what it was after the last time.
constexpr uint64_t kCompactAbove = 1 << 20;
constexpr uint64_t kCompactFactor = 4;

Result<Bytes> encode(const std::vector<Transaction::Write>& writes) {
  StoredWrites stored;
  for (const auto& write : writes) stored.writes.push_back({write.key, write.value});
  return codec::encode_versioned(stored, StoredWrites::kFormat.versions.last);
}

Result<std::vector<Transaction::Write>> decode(const Bytes& record) {
  auto stored = codec::decode_versioned<StoredWrites>(SharedBytes::copy(record));
  if (!stored) return fail(stored.error());
  std::vector<Transaction::Write> writes;
  for (auto& write : stored->writes) writes.push_back({std::move(write.key), std::move(write.value)});
  return writes;
}

}  // namespace

LocalCoordination::LocalCoordination(std::unique_ptr<durable::AppendFile> file)
    : MemoryCoordination([this](const std::vector<Transaction::Write>& writes) { return persist(writes); }),
      file_(std::move(file)),
      size_after_compaction_(file_->size()) {}

LocalCoordination::~LocalCoordination() = default;

Task<Result<std::unique_ptr<LocalCoordination>>> LocalCoordination::open(runtime::FileSystem& files,
                                                                         runtime::Random& random,
                                                                         std::string path) {
  auto opened = co_await durable::AppendFile::open(files, path, kFormat, random);
  if (!opened) co_return fail(opened.error());
  std::unique_ptr<LocalCoordination> store(new LocalCoordination(std::move(opened->file)));
  for (const Bytes& record : opened->records) {
    auto writes = decode(record);
    if (!writes) co_return fail(writes.error().kind, path + ": " + writes.error().message);
    store->load(*writes);
  }
  co_return std::move(store);
}

Task<Result<void>> LocalCoordination::persist(const std::vector<Transaction::Write>& writes) {
  co_await compact_if_due();
  auto record = encode(writes);
  if (!record) co_return fail(record.error());
  std::vector<Bytes> records;
  records.push_back(std::move(*record));
  co_return co_await file_->append(std::move(records));
}

Result<Bytes> LocalCoordination::snapshot() const {
  std::vector<Transaction::Write> writes;
  // What a lease holds is not durable, as in MemoryLease::commit.
  for (auto& entry : keys().list(""))
    if (!is_leased(entry.key)) writes.push_back({std::move(entry.key), std::move(entry.value)});
  return encode(writes);
}

Task<void> LocalCoordination::compact_if_due() {
  if (file_->size() < kCompactAbove || file_->size() < kCompactFactor * size_after_compaction_) co_return;
  auto record = snapshot();
  if (!record) co_return;
  std::vector<Bytes> records;
  records.push_back(std::move(*record));
  // A failure leaves the longer file, which is as good; the append that follows tells whether the disk is at fault.
  (void)co_await file_->replace(std::move(records));
  size_after_compaction_ = file_->size();
}

}  // namespace godwit::coordination
