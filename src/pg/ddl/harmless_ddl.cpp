#include "pg/ddl/harmless_ddl.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

struct Functions {
    Oid* all;
    int count;
    int capacity;
};
Functions own_functions = {};  // in memory of the transaction

struct Rewrite {
    Oid relation;
    Oid from;
    Oid to;
};
List* rewrites = NIL;  // Rewrite*, in memory of the transaction
bool rewriting = false;
Oid storage_before = InvalidOid;

Oid storage_of(Oid relation) {
    HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(row)) return InvalidOid;
    const Oid storage = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relfilenode;
    ReleaseSysCache(row);
    return storage;
}

}  // namespace

bool is_own_function(Oid function) {
    Oid* end = own_functions.all + own_functions.count;
    return std::find(own_functions.all, end, function) != end;
}

void note_own_function(Oid function) {
    if (own_functions.count == own_functions.capacity) {
        own_functions.capacity = std::max(16, own_functions.capacity * 2);
        const size_t bytes = sizeof(Oid) * static_cast<size_t>(own_functions.capacity);
        own_functions.all = static_cast<Oid*>(own_functions.all == nullptr
                                                  ? MemoryContextAlloc(TopTransactionContext, bytes)
                                                  : repalloc(own_functions.all, bytes));
    }
    own_functions.all[own_functions.count++] = function;
}

// VACUUM, and CLUSTER of all tables, commit while they run; CLUSTER of one is part of a
// transaction.
void begin_harmless_rewrite(Oid relation) {
    rewriting = true;
    storage_before = OidIsValid(relation) ? storage_of(relation) : InvalidOid;
}

void end_harmless_rewrite() {
    rewriting = false;
}

void note_harmless_rewrite(Oid relation) {
    if (!OidIsValid(storage_before)) return;
    MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
    auto* rewrite = static_cast<Rewrite*>(palloc(sizeof(Rewrite)));
    *rewrite = {relation, storage_before, storage_of(relation)};
    rewrites = lappend(rewrites, rewrite);
    MemoryContextSwitchTo(old);
}

bool rewritten_harmlessly(Oid relation, Oid from, Oid to) {
    if (rewriting) return true;
    ListCell* cell;
    foreach (cell, rewrites) {
        const auto* r = static_cast<Rewrite*>(lfirst(cell));
        if (r->relation == relation && r->from == from) from = r->to;
    }
    return from == to;
}

void forget_harmless_ddl() {
    own_functions = {};
    rewrites = NIL;
}

}  // namespace cache_ext::pg
