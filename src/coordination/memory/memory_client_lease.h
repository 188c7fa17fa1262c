// Leases of a client of MemoryServer. For the sources of this folder; others include coordination.h.
#pragma once

#include "coordination/memory/memory_client_core.h"

namespace godwit::coordination {

// As Coordination::grant.
runtime::Task<Result<std::unique_ptr<Lease>>> grant_lease(std::shared_ptr<MemoryClientCore> core,
                                                          Duration timeout);

}  // namespace godwit::coordination
