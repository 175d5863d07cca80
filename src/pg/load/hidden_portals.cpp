#include "pg/load/hidden_portals.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"

extern "C" {
#include "nodes/memnodes.h"
#include "utils/memutils.h"
#include "utils/portal.h"
}

namespace cache_ext::pg {

// A portal and what it was like. It stays where it is: nobody drops an active portal, and the
// subtransactions that end meanwhile have begun later.
struct HiddenPortal {
    Portal portal;
    PortalStatus status;
    TupleDesc columns;
    bool visible;
    bool pinned;
};

namespace {

// The server has no iterator over portals, and pg_cursor() leaves some out. But each has a memory
// context of its own, which is named after it, in one that is there as long as the process.
MemoryContext contexts_of_portals() {
    static MemoryContext all = nullptr;
    if (all != nullptr) return all;
    for (MemoryContext c = TopMemoryContext->firstchild; c != nullptr; c = c->nextchild) {
        if (strcmp(c->name, "TopPortalContext") == 0) all = c;
    }
    if (all == nullptr) elog(ERROR, "the session's portals cannot be found");
    return all;
}

// nullptr: the context is not a portal's.
Portal portal_of(MemoryContext context) {
    if (context->ident == nullptr) return nullptr;
    for (const char* name : {context->ident, ""}) {
        Portal portal = GetPortalByName(name);
        if (PortalIsValid(portal) && portal->portalContext == context) return portal;
    }
    return nullptr;
}

// Also one that is active: a function that reads catalogs would see it, or its columns.
void hide(Portal portal, HiddenPortal* out) {
    *out = {portal, portal->status, portal->tupDesc, portal->visible, portal->portalPinned};
    portal->status = PORTAL_ACTIVE;
    if (looks_for_columns_of_cursor()) portal->tupDesc = nullptr;
    portal->visible = false;
    // Some languages unpin a cursor before they try to close it; the loop that has pinned it would
    // go on with freed memory.
    portal->portalPinned = false;
}

Portal some_new_portal() {
    for (MemoryContext c = contexts_of_portals()->firstchild; c != nullptr; c = c->nextchild) {
        Portal portal = portal_of(c);
        if (portal != nullptr && portal->status != PORTAL_ACTIVE) return portal;
    }
    return nullptr;
}

}  // namespace

HiddenPortals hide_portals() {
    MemoryContext all = contexts_of_portals();
    size_t most = 0;
    for (MemoryContext c = all->firstchild; c != nullptr; c = c->nextchild) ++most;
    HiddenPortals hidden = {0, make_array<HiddenPortal>(most)};
    for (MemoryContext c = all->firstchild; c != nullptr; c = c->nextchild) {
        if (Portal portal = portal_of(c)) hide(portal, &hidden.of[hidden.count++]);
    }
    return hidden;
}

void show_portals(const HiddenPortals& hidden) {
    for (int i = 0; i < hidden.count; ++i) {
        const HiddenPortal& h = hidden.of[i];
        h.portal->status = h.status;
        h.portal->tupDesc = h.columns;
        h.portal->visible = h.visible;
        h.portal->portalPinned = h.pinned;
    }
    pfree(hidden.of);
}

void drop_new_portals() {
    while (Portal portal = some_new_portal()) {
        // Whoever pinned it, as the cursor objects of some languages do, is done with his run.
        portal->portalPinned = false;
        PortalDrop(portal, false);
    }
}

}  // namespace cache_ext::pg
