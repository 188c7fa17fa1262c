#include "cluster/counter.h"

namespace godwit::cluster {

using runtime::Task;

namespace {
constexpr int kAttemptsMax = 20;
}  // namespace

Task<Result<int64_t>> raise_counter(coordination::Coordination& store, std::string key, int64_t count,
                                    int64_t at_least) {
  Error last{ErrorKind::conflict, "others change " + key + " all the time"};
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const auto found = co_await store.get(key);
    if (!found) co_return fail(found.error());
    int64_t next = at_least;
    if (*found) {
      const auto counter = stored_value<StoredCounter>(**found);
      if (!counter) co_return fail(counter.error());
      next = std::max(next, counter->next);
    }
    if (next < 0 || next > INT64_MAX - count)
      co_return fail(ErrorKind::corrupt, "coordination key " + key + " ran over");
    coordination::Transaction transaction;
    transaction.require(key, *found ? (*found)->version : coordination::kAbsent)
        .put(key, stored_bytes(StoredCounter{next + count}, kFirstLevel));
    const auto done = co_await store.commit(std::move(transaction));
    if (done) co_return next;
    if (done.error().kind != ErrorKind::conflict && done.error().kind != ErrorKind::timed_out)
      co_return fail(done.error());
    last = done.error();
  }
  co_return fail(last);
}

}  // namespace godwit::cluster
