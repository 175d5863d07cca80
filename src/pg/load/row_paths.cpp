#include "pg/load/row_paths.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/catalog/virtual_columns.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kLongestPath = 4;  // tables, beside the one that changes

// A table on the way from the changed row to a key, and how it is reached.
struct Step {
    const Mention* mention;
    const Step* before;  // nullptr: this is the changed row
    const char* column;  // of this table,
    const char* equals;  // equal to that one of the table before
    int length;
    int name;  // in the query; 0: it is not in there
};

bool is_of(const Column* column, const Mention* mention) {
    return column->scope == mention->scope && column->entry == mention->entry;
}

char* name_of(const Column* column, Oid relation) {
    return is_virtual(relation, column->number) ? nullptr
                                                : get_attname(relation, column->number, true);
}

// The mention's columns that are equal to the argument, the one that gives the key as it is first.
// nullptr: none.
const Column* column_equal_to(const Equalities* e, const Mention* mention, int column) {
    const Column* found = nullptr;
    if (column < 0) return nullptr;
    const Oid type = column_at(e, column)->type;
    for (int i = 0; i < list_length(e->columns); ++i) {
        const Column* c = column_at(e, i);
        if (!is_of(c, mention) || class_of(e, i) != class_of(e, column)) continue;
        if (name_of(c, mention->relation) == nullptr) continue;
        if (OidIsValid(c->collation) && !get_collation_isdeterministic(c->collation)) continue;
        if (found == nullptr || c->type == type) found = c;
    }
    return found;
}

bool is_widened(Oid from, Oid to) {
    return (from == INT2OID && (to == INT4OID || to == INT8OID)) ||
           (from == INT4OID && to == INT8OID);
}

bool gives_type(Oid from, Oid to) {
    return from == to || (from == VARCHAROID && to == TEXTOID);
}

// Row by its own columns. False: some of these are not of the key's type, or there are none.
bool map_by_columns(const Equalities* e, const Definition* d, const Mention* mention,
                    RowMapping* mapping) {
    bool any = false;
    for (int i = 0; i < d->columns; ++i) {
        const Column* c = column_equal_to(e, mention, column_of_argument(e, i + 1));
        if (c == nullptr || !gives_key(mention->relation, c->number, d->key_types[i])) continue;
        mapping->key[i] = name_of(c, mention->relation);
        any = true;
    }
    return any;
}

// The key column that the other side of the order is, if no column of the row is equal to it
// already; 0: it is none, or compares otherwise than spans do.
uint8 bound_of(const Equalities* e, const Definition* d, const RowMapping* mapping, int column,
               Oid instant_type) {
    for (int i = 0; i < d->columns; ++i) {
        const int argument = column_of_argument(e, i + 1);
        if (argument < 0 || class_of(e, argument) != class_of(e, column)) continue;
        if (mapping->key[i] != nullptr || !gives_instants(instant_type, d->key_types[i]) ||
            !gives_instants(column_at(e, column)->type, d->key_types[i])) {
            continue;
        }
        return static_cast<uint8>(i + 1);
    }
    return 0;
}

// Between which key columns the mention's instant lies, if it has one: the first of its columns
// that the loader compares with an argument.
void map_bounds(const Equalities* e, const Definition* d, const Mention* mention,
                RowMapping* mapping) {
    Bounds& bounds = mapping->bounds;
    const char* instant = nullptr;
    ListCell* cell;
    foreach (cell, e->orders) {
        const auto* order = static_cast<const Order*>(lfirst(cell));
        for (const bool since : {true, false}) {
            const int row = since ? order->greater : order->smaller;
            const Column* c = column_at(e, row);
            const char* name = is_of(c, mention) ? name_of(c, mention->relation) : nullptr;
            if (name == nullptr || (instant != nullptr && strcmp(instant, name) != 0)) continue;
            if ((since ? bounds.since : bounds.until) != 0) continue;
            const int other = since ? order->smaller : order->greater;
            const uint8 bound = bound_of(e, d, mapping, other, c->type);
            if (bound == 0) continue;
            instant = name;
            if (since) {
                bounds.since = bound;
                bounds.since_excluded = !order->or_equal;
            } else {
                bounds.until = bound;
                bounds.until_included = order->or_equal;
            }
            mapping->key[bound - 1] = instant;
        }
    }
}

// The query that finds keys runs as the cache's owner, who may see less of it than a view of
// somebody else's does.
bool has_policies(Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) return true;
    const bool has = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relrowsecurity;
    ReleaseSysCache(tuple);
    return has;
}

bool may_lead(const Mention* mention) {
    return mention->scope->active && !mention->opaque && !has_policies(mention->relation) &&
           bms_is_member(mention->entry, mention->scope->present);
}

bool is_reached(List* steps, const Mention* mention) {
    ListCell* cell;
    foreach (cell, steps) {
        if (static_cast<Step*>(lfirst(cell))->mention == mention) return true;
    }
    return false;
}

// A column of `from` and one of `to` that are equal.
bool find_link(const Equalities* e, const Mention* from, const Mention* to, Step* step) {
    for (int i = 0; i < list_length(e->columns); ++i) {
        const Column* a = column_at(e, i);
        if (!is_of(a, from)) continue;
        for (int j = 0; j < list_length(e->columns); ++j) {
            const Column* b = column_at(e, j);
            if (!is_of(b, to) || class_of(e, i) != class_of(e, j)) continue;
            if (a->collation != b->collation) continue;
            step->equals = name_of(a, from->relation);
            step->column = name_of(b, to->relation);
            if (step->equals != nullptr && step->column != nullptr) return true;
        }
    }
    return false;
}

// Everything that can be reached from the mention by equalities, nearest first.
List* reach(const Equalities* e, const Mention* mention) {
    auto* first = make<Step>();
    first->mention = mention;
    List* steps = list_make1(first);
    for (int i = 0; i < list_length(steps); ++i) {
        const auto* from = static_cast<Step*>(list_nth(steps, i));
        if (from->length == kLongestPath) break;
        ListCell* cell;
        foreach (cell, e->tree->mentions) {
            const auto* to = static_cast<Mention*>(lfirst(cell));
            if (!may_lead(to) || is_reached(steps, to)) continue;
            Step link = {};
            if (!find_link(e, from->mention, to, &link)) continue;
            auto* step = make<Step>();
            *step = {to, from, link.column, link.equals, from->length + 1, 0};
            steps = lappend(steps, step);
        }
    }
    return steps;
}

struct Writing {
    RowMapping* mapping;
    StringInfoData from;
    StringInfoData where;
    int tables;
};

const char* row_name(const Step* step) {
    return step->before == nullptr ? "$1" : psprintf("t%d", step->name);
}

void write_step(Writing* w, Step* step) {
    if (step->before == nullptr || step->name != 0) return;
    auto* before = const_cast<Step*>(step->before);
    write_step(w, before);
    step->name = ++w->tables;
    const Oid relation = step->mention->relation;
    w->mapping->through = list_append_unique_oid(w->mapping->through, relation);
    appendStringInfo(&w->from, "%s%s AS %s", step->name == 1 ? " FROM " : ", ",
                     relation_as_sql(relation), row_name(step));
    appendStringInfo(&w->where, "%s%s.%s OPERATOR(pg_catalog.=) %s.%s",
                     step->name == 1 ? " WHERE " : " AND ", row_name(step),
                     quote_identifier(step->column), row_name(before),
                     quote_identifier(step->equals));
}

// The key column as an expression of the nearest table that has it; nullptr: none has.
const char* write_key(const Equalities* e, List* steps, int argument, Oid key_type, Writing* w) {
    ListCell* cell;
    foreach (cell, steps) {
        auto* step = static_cast<Step*>(lfirst(cell));
        const Column* c = column_equal_to(e, step->mention, column_of_argument(e, argument));
        if (c == nullptr) continue;
        const bool widened = is_widened(c->type, key_type);
        if (!widened && !gives_type(c->type, key_type)) continue;
        write_step(w, step);
        const char* text = psprintf("%s.%s", row_name(step),
                                    quote_identifier(name_of(c, step->mention->relation)));
        return widened ? psprintf("%s::pg_catalog.%s", text, key_type == INT8OID ? "int8" : "int4")
                       : text;
    }
    return nullptr;
}

bool map_by_query(const Equalities* e, const Definition* d, const Mention* mention,
                  RowMapping* mapping) {
    List* steps = reach(e, mention);
    Writing w = {};
    w.mapping = mapping;
    initStringInfo(&w.from);
    initStringInfo(&w.where);
    StringInfoData select;
    initStringInfo(&select);
    bool any = false;
    for (int i = 0; i < d->columns; ++i) {
        const char* key = write_key(e, steps, i + 1, d->key_types[i], &w);
        appendStringInfo(&select, "%s%s", i > 0 ? ", " : "", key != nullptr ? key : "NULL");
        any = any || key != nullptr;
    }
    mapping->key_query = psprintf("SELECT %s%s%s", select.data, w.from.data, w.where.data);
    return any;
}

}  // namespace

RowMapping* mapping_of(const Equalities* e, const Definition* d, const Mention* mention) {
    auto* mapping = make<RowMapping>();
    const bool by_columns = map_by_columns(e, d, mention, mapping);
    map_bounds(e, d, mention, mapping);
    if (by_columns) return mapping;
    auto* path = make<RowMapping>();
    if (map_by_query(e, d, mention, path)) return path;
    return mapping->bounds.any() ? mapping : nullptr;
}

}  // namespace cache_ext::pg
