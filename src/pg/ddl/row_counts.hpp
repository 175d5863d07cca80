// PostgreSQL's own counts of the rows that this transaction has changed.
#pragma once

#include "pg/base/compat.hpp"

extern "C" {
#include "access/xact.h"
#include "pgstat.h"
#include "utils/pgstat_internal.h"
}

namespace cache_ext::pg {

// Are there changes of rows that are still alive? Only those that were made with track_counts on.
bool has_changed_rows(Oid relation);

// Of these, deleted or updated ones? True as well if that cannot be known.
bool may_have_removed_rows(Oid relation);

// Every relation that this transaction has counted changes of, of rows that are still alive, in
// this (sub)transaction and those around it; some come more than once. `visit` returns whether to
// go on. False if it said no.
template <class Visit>
bool for_each_changed_relation(Visit visit) {
    const PgStat_SubXactStatus* level =
        pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
    for (; level != nullptr; level = level->prev) {
        for (const PgStat_TableXactStatus* t = level->first; t != nullptr; t = t->next) {
            const Oid relation = table_of(t->parent);
            if (has_changed_rows(relation) && !visit(relation)) return false;
        }
    }
    return true;
}

// Was track_counts off at some time in this transaction, so that changes may not have been counted?
bool counts_incomplete();
void transaction_ended_for_counts();

// Once, in _PG_init.
void install_row_counts();

}  // namespace cache_ext::pg
