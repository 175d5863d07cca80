// What a transaction changes about the workers' work is announced when it has committed and its
// invalidation messages are sent: before that a worker would look at what it knows already.
#pragma once

namespace cache_ext::pg {

// What happens in this transaction.
void note_schedule_change();
void note_databases_changed();

// --- for transaction.cpp ---

void transaction_committed_for_notices();
void transaction_aborted_for_notices();

}  // namespace cache_ext::pg
