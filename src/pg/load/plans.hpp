// Plans that the session keeps for code of owners, and when they have to be made anew.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// PostgreSQL tells no plan of a new name: one that was made before goes on with what the name meant
// then, and others would be served that. So plans are made anew after DDL that concerns the cache;
// and settings of roles, of whose changes no session is told, are looked up anew. While a partition
// is being detached CONCURRENTLY the snapshot of planning decides whether it is read: then they are
// made anew each time. Before a fill under this snapshot.
void renew_plans_after_ddl(const Definition* definition, const core::Snapshot& snapshot);

// Nor does it tell a plan that was made in a (sub)transaction with DDL, and does not use what was
// changed, that this was rolled back or prepared: a child table that is there again is not read by
// it. Nor that a name, a cast or a label means again what it meant before. Before a run.
void renew_doubtful_plans();
// A (sub)transaction with DDL is rolled back, or prepared. What changes relations without a
// statement is noticed without this.
void doubt_plans();

// Once, in _PG_init.
void install_plans();

}  // namespace cache_ext::pg
