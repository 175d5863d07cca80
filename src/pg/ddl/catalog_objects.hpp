// What a change of one object means for cached values, by its row before and after.
#pragma once

#include "pg/ddl/judge.hpp"

namespace cache_ext::pg {

// False: it counts for all caches of the database that its message is about. `cache` is the
// catcache of an object that nobody but its session finds in a temporary schema.
bool type_is_harmless(Judge* judge, Oid oid);
bool function_is_harmless(Judge* judge, Oid oid);
bool aggregate_is_harmless(Judge* judge, Oid oid);
bool schema_is_harmless(Judge* judge, Oid oid);
bool in_schema_is_harmless(Judge* judge, int cache, Oid oid);
bool foreign_table_is_harmless(Judge* judge, Oid oid);

// Others add what they mean to the effect.
void judge_constraint(Judge* judge, Oid oid);
void judge_role(Judge* judge, Oid oid);
void judge_database(Judge* judge, Oid oid);

void add_databases(Judge* judge, List* databases, bool everywhere);

}  // namespace cache_ext::pg
