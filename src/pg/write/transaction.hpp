// All that happens at the events of transactions and subtransactions, in one place and order.
#pragma once

namespace cache_ext::pg {

// Once, in _PG_init.
void install_transaction_callbacks();

}  // namespace cache_ext::pg
