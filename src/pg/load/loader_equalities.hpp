// Which columns are equal in every combination of rows that a mention of a table counts in.
//
// A row of a table matters to a loader only by combinations in which all of this holds: WHERE and
// the inner joins of its scope; the conditions of an outer join, if a row of the side that may be
// missing is there; the same of the scopes around it; and what EXISTS and IN say must be there.
// Only comparisons are looked at, which are not true of NULL: so both sides' rows are there.
// docs/guarantees.md has the proof.
#pragma once

#include "pg/load/loader_scopes.hpp"

namespace cache_ext::pg {

// A column of an entry of a scope; or an argument of the loader, whose scope is nullptr.
struct Column {
    Scope* scope;
    int entry;  // argument: its number, from 1 on
    AttrNumber number;
    Oid type;       // without domains
    Oid collation;  // of its own
};

// One column's value is not greater than another's, as the server's own types are ordered.
struct Order {
    int smaller;
    int greater;
    bool or_equal;
};

struct Equalities {
    const LoaderTree* tree;
    List* columns;  // of Column*
    int* equal;     // by column: another one that is equal to it, itself for one of each class
    List* orders;   // of const Order*: those that hold
};

// All conditions of all scopes.
Equalities* read_equalities(const LoaderTree* tree);
// Those that hold wherever the mention counts.
void close_over(Equalities* equalities, const Mention* mention);

// After that: one number for all columns that are equal.
int class_of(const Equalities* equalities, int column);
// The number of an argument's column, or -1: no condition names it.
int column_of_argument(const Equalities* equalities, int argument);

inline const Column* column_at(const Equalities* equalities, int i) {
    return static_cast<Column*>(list_nth(equalities->columns, i));
}

}  // namespace cache_ext::pg
