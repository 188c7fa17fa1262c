#include "durable/atomic_file.h"

namespace godwit::durable {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

runtime::Task<Result<void>> replace_file(runtime::FileSystem& files, std::string path,
                                         std::span<const BytesView> parts) {
  const std::string beside = path + ".new";
  {
    auto file =
        co_await files.open(beside, {.write = true, .create = runtime::OpenOptions::Create::if_missing});
    if (!file) co_return fail(file.error());
    GW_TRY(co_return, co_await (*file)->truncate(0));
    GW_TRY(co_return, co_await (*file)->write_at(0, parts));
    GW_TRY(co_return, co_await (*file)->sync());
  }
  GW_TRY(co_return, co_await files.rename(beside, path));
  co_return co_await files.sync_directory(folder_of(path));
}

}  // namespace godwit::durable
