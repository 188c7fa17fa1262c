#include "storage/store_context.h"

namespace godwit::storage {

Result<void> StoreContext::wrote(Result<void> outcome) const {
  if (outcome) return outcome;
  const ErrorKind kind = outcome.error().kind;
  if (kind != ErrorKind::no_space && kind != ErrorKind::limit && kind != ErrorKind::not_found) {
    report_failure(outcome.error().describe());
  }
  return outcome;
}

runtime::Task<Result<void>> StoreContext::sync_files() {
  auto synced = co_await runtime.files().sync_filesystem(options.directory);
  // Of no space too: what was promised some was lost all the same.
  if (!synced && synced.error().kind != ErrorKind::limit) report_failure(synced.error().describe());
  // The error may have been told to another one's sync.
  if (synced && failed) co_return fail(ErrorKind::io, "the data directory takes no more writes");
  co_return synced;
}

}  // namespace godwit::storage
