// What a transaction changes about the workers' work is announced when it has committed and its
// invalidation messages are sent: before that a worker would look at what it knows already.
#pragma once

namespace cache_ext::pg {

void install_notice_callbacks();

// What happens in this transaction.
void note_schedule_change();
void note_databases_changed();

}  // namespace cache_ext::pg
