// A loader as a tree of queries: who is inside whom, where, and which tables each reads.
//
// Every query of the loader is a scope: the statements themselves, subqueries in FROM and behind
// views, those in expressions (sublinks), WITH, and the bodies of functions in SQL that are called.
// A scope looks at combinations of rows, one of each entry of its range table. Some of the entries
// may be missing in a combination, on the side of an outer join that found nothing.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace cache_ext::pg {

struct Scope;
struct Condition;

// A join of a scope. Its conditions hold for a combination in which a row of each of the sides that
// count is there.
struct Join {
    Node* quals;
    List* conditions;  // of Condition*
    Bitmapset* sides;  // a row of any of these entries: they hold
    Bitmapset* other;  // FULL JOIN: and one of these
    bool always;       // an inner join that nothing can turn into missing rows
    bool holds;        // of the closure at hand
};

// What another scope, or a function's argument, is a part of.
struct Position {
    Scope* scope;  // nullptr: what is known of the rows around it is of no use to it
    Join* join;    // its ON
    int entry;     // this entry of the range table; 0: none
};

// The arguments of a function in SQL. Of the loader itself they are the key.
struct Frame {
    List* arguments;  // of Node*; NIL for the loader
    Scope* caller;    // nullptr: the loader
};

struct Scope {
    Query* query;
    Scope* outer;  // whose columns it can name, one level up
    Position position;
    const Frame* frame;
    Node* quals;         // of WHERE
    List* conditions;    // of Condition*: hold for every combination that counts
    List* joins;         // of Join*
    Scope** subqueries;  // by entry, from 1 on; nullptr: none
    bool transparent;  // a row of it is a combination, or a group of such as agree in some columns
    bool grouped;      // the latter
    // Of the closure at hand:
    bool active;
    Bitmapset* present;  // entries of which a row is known to be there
};

// One mention of a table.
struct Mention {
    Scope* scope;
    int entry;
    Oid relation;
    Bitmapset* columns;  // that are read, by number
    bool all_columns;
    bool opaque;    // it cannot be told which rows count: sampled, by place, a kind apart
    bool repeated;  // in a copy of a WITH, where that is read: the original counts
};

struct SubLinkScope {
    const SubLink* link;
    Scope* scope;
};

struct LoaderTree {
    List* scopes;        // of Scope*
    List* mentions;      // of Mention*
    List* sublinks;      // of SubLinkScope*
    const char* unseen;  // why what it reads cannot be seen in full; nullptr: it can
    bool has_settings;   // the loader runs with settings of its own
    int depth;
    int copies;  // of WITH, around what is read now
};

// As the current user, in the environment that it runs in.
LoaderTree* read_loader_tree(Oid loader);

// The subquery of a sublink.
Scope* scope_of(const LoaderTree* tree, const SubLink* link);

}  // namespace cache_ext::pg
