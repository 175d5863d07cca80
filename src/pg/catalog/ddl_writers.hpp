// Transactions that are about to commit changes of the catalogs, for all processes to see.
//
// Whoever changes catalogs says so here, before it looks at what others do and before it registers
// with the control blocks that there are. A control block that is made later takes over who is
// listed (register_ddl_writers); so of a writer and a new control block one finds the other.
#pragma once

#include "core/snapshot.hpp"
#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

enum class DdlScope : uint8 {
    kNames,  // new names, and nobody else has or makes one of them: matters to whoever does later
    kOwners  // it changes what loaders return, or would if its roles owned anything here
};

// For the shared-memory hooks.
size_t ddl_writers_bytes();
void attach_ddl_writers(LWLock* lock);

// This transaction, for caches of `database` (InvalidOid: of all). Widens what it said before.
void announce_ddl(Oid database, DdlScope scope);

// Those that may still be running, of a scope of at least `scope`; room for ddl_writers_room().
struct DdlWriter {
    core::Xid xid;
    Oid database;
    DdlScope scope;
};
int ddl_writers_room();
int ddl_writers(Oid database, DdlScope scope, DdlWriter* out);

// Registers them as hard writers of a cache of this database, on their behalf.
void register_ddl_writers(core::CacheIndex index, core::Tag whole);

}  // namespace cache_ext::pg
