// Looks at databases: a worker finds out what there is to do in one.
#pragma once

#include "core/clock.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Something that schedules depend on may have changed: has a worker look as soon as possible.
void request_look(Oid database);
// Databases were made or dropped, or allow connections now: the launcher looks which there are.
void request_list_of_databases();

// --- in a worker, of its database ---

// After a look: when to look again for caches that are loaded ahead of time or suspended (kNever:
// when asked), and when entries are to be scanned (0: never).
void looked(core::Millis next_load, core::Millis next_scan);
// When the entries are to be scanned; 0: never done.
core::Millis scan_due();
// The caches belong to so many.
void note_owners(int owners);

}  // namespace cache_ext::pg
