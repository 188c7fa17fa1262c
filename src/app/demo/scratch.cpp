#include "app/demo/scratch.h"

namespace godwit::app::demo {

using runtime::Task;

Task<Result<void>> make_folders(runtime::FileSystem& files, std::string path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const auto there = co_await files.exists(path.substr(0, slash));
    if (there && *there) continue;
    GW_TRY(co_return, co_await files.make_directory(path.substr(0, slash)));
  }
  co_return co_await files.make_directory(path);
}

Task<void> remove_tree(runtime::FileSystem& files, std::string path) {
  const auto entries = co_await files.list(path);
  if (!entries) co_return;
  for (const auto& entry : *entries) {
    const std::string inner = path + "/" + entry.name;
    if (entry.is_directory) {
      co_await remove_tree(files, inner);
    } else {
      (void)co_await files.remove(inner);
    }
  }
  (void)co_await files.remove_directory(path);
}

Task<Result<uint16_t>> free_port(runtime::Network& network) {
  const auto listener = co_await network.listen({"127.0.0.1", 0}, {});
  if (!listener) co_return fail(listener.error());
  co_return (*listener)->local().port;
}

}  // namespace godwit::app::demo
