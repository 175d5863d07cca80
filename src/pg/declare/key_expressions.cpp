#include "pg/declare/key_expressions.hpp"

#include "pg/declare/named_columns.hpp"
#include "pg/load/environment.hpp"
#include "pg/base/expression_text.hpp"
#include "pg/catalog/key_types.hpp"

extern "C" {
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {
namespace {

[[noreturn]] void bad_expression(const char* text, const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s cannot give a key: %s", text, why), errhint("%s", hint)));
    pg_unreachable();
}

bool is_expression(Oid relation, const char* text) {
    return text[0] == '(' && get_attnum(relation, text) == InvalidAttrNumber;
}

Node* raw_expression(const char* text) {
    if (Node* expression = one_expression(text)) return expression;
    bad_expression(text, "it is not one expression",
                   "Put each expression in parentheses, as an element of key of its own.");
}

// By the rules of index expressions: no subqueries, aggregates, window functions, sets.
Node* analysed(Oid relation, const char* text) {
    Node* raw = raw_expression(text);
    Relation table = table_open(relation, AccessShareLock);
    ParseState* state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    ParseNamespaceItem* item =
        addRangeTableEntryForRelation(state, table, AccessShareLock, nullptr, false, true);
    addNSItemToQuery(state, item, false, true, true);
    Node* expression = transformExpr(state, raw, EXPR_KIND_INDEX_EXPRESSION);
    assign_expr_collations(state, expression);
    table_close(table, NoLock);
    return expression;
}

// Adds the columns that it reads.
void check_expression(const Definition* d, int i, Oid relation, const char* text,
                      Bitmapset** columns) {
    Node* expression = analysed(relation, text);
    // As for an index: what a function's defaults add counts, too.
    if (contain_mutable_functions(
            reinterpret_cast<Node*>(expression_planner(reinterpret_cast<Expr*>(expression))))) {
        bad_expression(text, "it is not IMMUTABLE",
                       "Use IMMUTABLE functions only: a date of a timestamptz, for instance, is "
                       "(at AT TIME ZONE 'UTC')::date.");
    }
    Bitmapset* read = nullptr;
    pull_varattnos(expression, 1, &read);
    for (int k = -1; (k = bms_next_member(read, k)) >= 0;) {
        if (k + FirstLowInvalidHeapAttributeNumber > 0) continue;
        bad_expression(text, "it reads the row as a whole, or a system column",
                       "Name columns of the relation.");
    }
    *columns = bms_join(*columns, read);
    const Oid type = getBaseType(exprType(expression));
    if (equal_as_keys(type, d->key_types[i])) return;
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("%s is of type %s, but key column %d of cache \"%s\" is of type %s", text,
                    format_type_be(type), i + 1, d->name, format_type_be(d->key_types[i])),
             errhint("Cast it: (%s::%s).", text, format_type_be(d->key_types[i]))));
}

// SELECT "column", (expression), NULL FROM (SELECT $1."column" AS "column", ...) AS relation: of
// the row only what is named, so that other columns of it do not matter.
const char* as_query(Oid relation, List* targets, const Bitmapset* columns) {
    StringInfoData query;
    initStringInfo(&query);
    ListCell* cell;
    foreach (cell, targets) {
        appendStringInfo(&query, "%s%s", query.len == 0 ? "SELECT " : ", ",
                         static_cast<char*>(lfirst(cell)));
    }
    const char* separator = " FROM (SELECT ";
    for (int k = -1; (k = bms_next_member(columns, k)) >= 0;) {
        const auto number = static_cast<AttrNumber>(k + FirstLowInvalidHeapAttributeNumber);
        const char* name = quote_identifier(get_attname(relation, number, false));
        appendStringInfo(&query, "%s$1.%s AS %s", separator, name, name);
        separator = ", ";
    }
    if (columns != nullptr) {
        appendStringInfo(&query, ") AS %s", quote_identifier(get_rel_name(relation)));
    }
    return query.data;
}

struct Elements {
    Datum* items;
    bool* nulls;
    int count;
};

Elements elements_of(ArrayType* key) {
    Elements e;
    deconstruct_array(key, TEXTOID, -1, false, TYPALIGN_INT, &e.items, &e.nulls, &e.count);
    return e;
}

}  // namespace

bool has_expressions(Oid relation, ArrayType* key) {
    const Elements e = elements_of(key);
    for (int i = 0; i < e.count; ++i) {
        if (!e.nulls[i] && is_expression(relation, TextDatumGetCString(e.items[i]))) return true;
    }
    return false;
}

const char* key_query_of(const Definition* d, Oid relation, ArrayType* key) {
    const Elements e = elements_of(key);
    List* targets = NIL;
    Bitmapset* columns = nullptr;
    // Names mean what they mean where the query runs.
    const auto read_elements = [&] {
        for (int i = 0; i < e.count; ++i) {
            const char* element = e.nulls[i] ? "NULL" : TextDatumGetCString(e.items[i]);
            if (!e.nulls[i] && is_expression(relation, element)) {
                check_expression(d, i, relation, element, &columns);
                element = psprintf("%s\n", element);  // a comment at its end is no more than that
            } else if (!e.nulls[i]) {
                const AttrNumber number = get_attnum(relation, element);
                if (number <= 0) no_column(relation, element);
                columns = bms_add_member(columns, number - FirstLowInvalidHeapAttributeNumber);
                element = quote_identifier(element);
            }
            targets = lappend(targets, const_cast<char*>(element));
        }
    };
    as_owner_of(d, read_elements);
    return as_query(relation, targets, columns);
}

}  // namespace cache_ext::pg
