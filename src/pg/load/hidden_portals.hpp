// A run of an owner's code and the session's cursors have nothing to do with each other.
//
// A function that a loader calls could close a cursor of the reader, open another one under its
// name, which the reader would then carry out as himself, or read from the reader's. So while a run
// lasts, portals from before it count as active ones: the server neither runs nor drops an active
// portal a second time. And what a run leaves open is dropped at its end.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

struct HiddenPortal;
struct HiddenPortals {
    int count;
    HiddenPortal* of;  // in the memory context that was current
};

// Hides all portals of the session. May raise an error, and has hidden nothing then. What is hidden
// must be shown again before a (sub)transaction abort looks at it: in PG_CATCH or PG_FINALLY.
HiddenPortals hide_portals();
// Raises no error.
void show_portals(const HiddenPortals& hidden);
// To be called while those of before are hidden. This may run code of the portals' functions.
void drop_new_portals();

}  // namespace cache_ext::pg
