// What a loader may not do although its transaction is read-only: leave something behind in the
// session, or write outside of tables.
#pragma once

namespace cache_ext::pg {

// Once, in _PG_init.
void install_loader_limits();

}  // namespace cache_ext::pg
