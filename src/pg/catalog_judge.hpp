// What the invalidation messages of a transaction speak of, and what that means for cached values.
#pragma once

#include "pg/catalog_changes.hpp"
#include "pg/catalog_roles.hpp"

namespace cache_ext::pg {

struct Judge {
    Sides sides;
    Roles roles;
    CatalogEffect effect;
    bool final;      // see effect_of_catalog_changes()
    bool announced;  // this transaction is on the list of DDL writers
};

// May raise an error.
CatalogEffect judge_messages(const SharedInvalidationMessage* messages, int count, bool final);

// One relation that a message names. Adds hashes of its rules to *rules (uint32 as Oids): messages
// about these need no other explanation.
void judge_relation(Judge* judge, Oid relation, bool want_rules, List** rules);

// PostgreSQL sends no messages about pg_inherits, and about a table that leaves a parent with which
// it shares no column it sends none at all: its counts of changed rows tell.
bool inheritance_changed();
void judge_inheritance(Judge* judge);

// Has a relation that is new a name that others have, or make at the same time? Then what that name
// means may have changed. Announces the transaction before it looks.
bool takes_relation_name(Judge* judge, HeapTuple pg_class_row);

// Nobody but the session that made it finds what is in there.
bool is_temporary(Oid schema);

}  // namespace cache_ext::pg
