// Values that a query uses where they lie in shared memory. They stay readable until the memory
// context is reset in which a copy of them would have been made, so nobody need know which it is.
#pragma once

#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// A hazard of this process that is in no use; nullptr if there is none. To be tried at once: the
// next call may return the same one.
core::Ref* free_hazard();

// Holds what free_hazard() has been made to name until CurrentMemoryContext is reset or deleted.
void hold_for_context(core::Ref* hazard);

}  // namespace cache_ext::pg
