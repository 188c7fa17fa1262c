#include "coordination/etcd/managed/output.h"

#include <algorithm>
#include <array>

namespace godwit::coordination::etcd {
namespace {

using runtime::File;
using runtime::Task;

constexpr size_t kPiece = 256 << 10;

// The bytes of `from` at [begin, end) become the file `path`.
Task<Result<void>> keep(runtime::FileSystem& files, File& from, uint64_t begin, uint64_t end,
                        std::string path) {
  const auto to = co_await files.open(std::move(path),
                                      {.write = true, .create = runtime::OpenOptions::Create::if_missing});
  if (!to) co_return fail(to.error());
  GW_TRY(co_return, co_await (*to)->truncate(0));
  Bytes piece(kPiece);
  for (uint64_t at = begin; at < end;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(kPiece, end - at));
    const auto got = co_await from.read_at(at, MutableBytes(piece.data(), wanted));
    if (!got) co_return fail(got.error());
    if (*got == 0) break;  // somebody else emptied it
    const std::array parts{BytesView(piece.data(), *got)};
    GW_TRY(co_return, co_await (*to)->write_at(at - begin, parts));
    at += *got;
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> bound_output(runtime::FileSystem& files, std::string path, uint64_t bytes_max) {
  const auto file = co_await files.open(path, {.write = true});
  if (!file && file.error().kind == ErrorKind::not_found) co_return Result<void>();
  if (!file) co_return fail(file.error());
  const auto size = co_await (*file)->size();
  if (!size) co_return fail(size.error());
  if (*size <= bytes_max) co_return Result<void>();
  const auto kept = co_await keep(files, **file, *size - bytes_max, *size, path + ".1");
  GW_TRY(co_return, co_await (*file)->truncate(0));
  co_return kept;
}

}  // namespace godwit::coordination::etcd
