// What a change of a relation means for cached values.
#pragma once

#include "pg/ddl/judge.hpp"

namespace cache_ext::pg {

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
