// What a row of cache_dependency meant when it was declared, and whether it still means that.
//
// A loader's text means names; a view, or a body that was parsed, means OIDs and column numbers.
// Which of the two a loader goes by is not known, so a dependency stands only while both agree.
#pragma once

#include "pg/catalog/definition.hpp"

extern "C" {
#include "access/htup.h"
#include "utils/array.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {

// A row that is about to be stored, with what the relation and its columns are called and numbered
// now, for the cache that it names (nullptr: none is declared yet). A restore comes by here, too:
// numbers do not survive it.
HeapTuple remember_meaning(Relation table, HeapTuple row, const Definition* d);

// {schema, name}; nullptr: there is no such relation.
ArrayType* qualified_name(Oid relation);
// The same as SQL.
char* name_as_sql(ArrayType* qualified_name);
// Of the relation as it is called now; "?": there is none.
const char* relation_as_sql(Oid relation);

// What the relation's name alone means for the loader; InvalidOid: nothing.
Oid meant_by_name(const Definition* definition, Oid relation);
// kNone, kDropped or kRenamed.
Lapse lapse_of(Oid relation, ArrayType* declared_as);
// A partition or child whose rows lie on a foreign server.
bool has_foreign_part(Oid relation);
// Do policies of the relation apply to what that role reads of it?
bool has_policies_for(Oid relation, Oid role);
// DETACH PARTITION ... CONCURRENTLY is between its two transactions, at any level below.
bool is_being_detached_from(Oid relation);

// Columns of the declared relation as attribute numbers of `relation`, which is that or a partition
// or child. False if one is missing, or is not the one that it was.
bool resolve_columns(Oid declared, Oid relation, ArrayType* names, ArrayType* numbers,
                     AttrNumber* out, int capacity, int* count);
bool columns_exist(Oid relation, ArrayType* names);
// Are these not names, but "*"?
bool means_any_column(Oid relation, ArrayType* names);
// All of them; returns how many.
int all_columns_of(Oid declared, Oid relation, AttrNumber* out);

// Are values of the column equal when keys of that type are?
bool gives_key(Oid relation, AttrNumber column, Oid key_type);

}  // namespace cache_ext::pg
