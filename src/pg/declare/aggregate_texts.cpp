#include "pg/declare/aggregate_texts.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/expression_text.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/firsts.hpp"
#include "pg/catalog/key_types.hpp"
#include "pg/catalog/row_expressions.hpp"
#include "pg/declare/named_columns.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_oper.h"
#include "parser/parse_relation.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

struct Element {
    const char* name;  // nullptr: it has none of its own
    const char* text;
};

[[noreturn]] void refuse(const char* what, const char* text, const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s cannot be %s of an aggregate cache: %s", text, what, why),
                    errhint("%s", hint)));
    pg_unreachable();
}

void say_where(void* text) {
    point_into(static_cast<const char*>(text));
}

bool begins_name(char c) {
    return isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || IS_HIGHBIT_SET(c);
}

// No expression begins with a name and a single colon.
Element split(const char* text) {
    const char* c = text;
    const auto skip_blanks = [&c] {
        while (scanner_isspace(*c)) ++c;
    };
    StringInfoData name;
    initStringInfo(&name);
    skip_blanks();
    if (*c == '"') {
        for (++c; *c != '\0'; ++c) {
            if (*c == '"' && *++c != '"') break;
            appendStringInfoChar(&name, *c);
        }
    } else if (begins_name(*c)) {
        const char* first = c;
        while (begins_name(*c) || isdigit(static_cast<unsigned char>(*c)) != 0 || *c == '$') ++c;
        appendStringInfoString(
            &name, downcase_identifier(first, static_cast<int>(c - first), false, false));
    }
    skip_blanks();
    if (name.len == 0 || *c != ':' || c[1] == ':' || c[1] == '=') return {nullptr, text};
    if (name.len >= NAMEDATALEN) truncate_identifier(name.data, name.len, false);
    return {name.data, c + 1};
}

Node* parsed(const char* what, const char* text) {
    if (Node* expression = one_expression(text)) return expression;
    refuse(what, text, "it is not one expression",
           "Put each expression into an element of its own, with its name before it: "
           "'{calls: count(*)}'.");
}

struct Parser {
    Oid relation;
    ParseState* state;
};

Node* analysed(const Parser& parser, const char* what, const char* text, ParseExprKind kind) {
    ErrorContextCallback context = {error_context_stack, say_where, const_cast<char*>(text)};
    error_context_stack = &context;
    Node* node = transformExpr(parser.state, parsed(what, text), kind);
    error_context_stack = context.previous;
    return node;
}

void check_row_expression(const Parser& parser, const char* what, const char* text, void* node) {
    if (node == nullptr) return;
    const ExpressionFault fault =
        fault_of_row_expression(static_cast<Node*>(node), parser.relation);
    if (fault.why != nullptr) refuse(what, text, fault.why, fault.hint);
}

// Callers give plain text for varchar, and the base type for a domain.
Node* as_key(const Parser& parser, Node* node) {
    const Oid from = exprType(node);
    Oid type = getBaseType(from);
    if (type == VARCHAROID || type == UNKNOWNOID) type = TEXTOID;
    return type == from ? node
                        : coerce_to_target_type(parser.state, node, from, type, -1,
                                                COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
}

// The loader names PostgreSQL's own =, as names are read with pg_catalog alone.
void check_equality(const char* what, const char* text, Oid type) {
    Operator found =
        oper(nullptr, list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup("="))), type,
             type, true, -1);
    const Oid equality = HeapTupleIsValid(found) ? oprid(found) : InvalidOid;
    if (HeapTupleIsValid(found)) ReleaseSysCache(found);
    if (OidIsValid(equality) && equality == lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr) {
        return;
    }
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("%s cannot be %s of an aggregate cache: type %s has an = of its own",
                           text, what, format_type_be(type)),
                    errhint("Cast it to a type of PostgreSQL's own, as in (name::text) or "
                            "lower(name::text).")));
}

void read_key(const Parser& parser, const char* text, int number, NamedKey* out) {
    constexpr const char* kWhat = "a key";
    const Element e = split(text);
    const AttrNumber column = get_attnum(parser.relation, text);
    // A column's name is one as it is.
    const char* expression = column > 0 ? quote_identifier(text) : e.text;
    Node* node = as_key(parser, analysed(parser, kWhat, expression, EXPR_KIND_WHERE));
    assign_expr_collations(parser.state, node);
    check_row_expression(parser, kWhat, text, node);
    out->expression = node;
    out->type = exprType(node);
    if (!key_type_supported(out->type)) {
        refuse(kWhat, text, psprintf("it is of type %s", format_type_be(out->type)),
               key_type_hint(out->type));
    }
    check_equality(kWhat, text, out->type);
    const Oid collation = exprCollation(node);
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) {
        refuse(kWhat, text, "different texts are equal by its collation",
               "Give it another one: (name COLLATE \"C\").");
    }
    out->name = column > 0 ? text : e.name != nullptr ? e.name : psprintf("key%d", number + 1);
}

void read_measure(const Parser& parser, const char* text, NamedMeasure* out) {
    constexpr const char* kWhat = "a measure";
    const Element e = split(text);
    Node* node = analysed(parser, kWhat, e.text, EXPR_KIND_SELECT_TARGET);
    assign_expr_collations(parser.state, node);
    const bool sliced = IsA(node, SubscriptingRef);
    out->slice = sliced ? reinterpret_cast<SubscriptingRef*>(node) : nullptr;
    Node* aggregate = sliced ? reinterpret_cast<Node*>(out->slice->refexpr) : node;
    if (!IsA(aggregate, Aggref)) {
        refuse(kWhat, text, "it is not a single aggregate",
               "Give aggregates such as count(*) or sum(x), and compute with their values where "
               "these are read.");
    }
    const char *why, *hint;
    const auto* call = reinterpret_cast<Aggref*>(aggregate);
    const bool good = sliced ? firsts_of(out->slice, parser.relation, &out->measure, &why, &hint)
                             : measure_of(call, &out->measure, &why, &hint);
    if (!good) refuse(kWhat, text, why, hint);
    check_row_expression(parser, kWhat, text, out->measure.argument);
    check_row_expression(parser, kWhat, text, out->measure.order);
    check_row_expression(parser, kWhat, text, out->measure.filter);
    out->name = e.name != nullptr ? e.name : get_func_name(call->aggfnoid);
    out->text = text;
}

// A NULL has no place in an order of numbers: a value with one would never be kept.
void check_nulls(const AggregateTexts& t) {
    for (int i = 0; i < t.measure_count; ++i) {
        const NamedMeasure& m = t.measures[i];
        if (m.slice == nullptr) continue;
        const char* without = firsts_without_nulls(m.slice, t.relation, m.measure, t.filter);
        if (without == nullptr) continue;
        refuse("a measure", m.text, "what it is in order of, or collects, may be NULL",
               psprintf("Keep NULLs out by NOT NULL or by a filter: %s.", without));
    }
}

Node* read_filter(const Parser& parser, const char* text) {
    constexpr const char* kWhat = "the filter";
    Node* node = analysed(parser, kWhat, text, EXPR_KIND_WHERE);
    node = coerce_to_boolean(parser.state, node, "filter");
    assign_expr_collations(parser.state, node);
    check_row_expression(parser, kWhat, text, node);
    return node;
}

// The elements of an array, of which there must be some.
int elements_of(ArrayType* array, const char* what, int most, Datum** items) {
    check_dimensions(array, what);
    bool* nulls;
    int count;
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, items, &nulls, &count);
    if (array_contains_nulls(array)) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("%s must not contain nulls", what)));
    }
    if (count <= most) return count;
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("an aggregate cache has at most %d %s", most, what)));
    pg_unreachable();
}

ParseState* state_over(Relation table) {
    ParseState* state = make_parsestate(nullptr);
    ParseNamespaceItem* item =
        addRangeTableEntryForRelation(state, table, AccessShareLock, nullptr, true, true);
    addNSItemToQuery(state, item, true, true, true);
    return state;
}

}  // namespace

AggregateTexts read_aggregate_texts(Oid relation, ArrayType* keys, ArrayType* measures,
                                    const char* filter) {
    AggregateTexts out = {};
    Relation table = table_open(relation, AccessShareLock);
    const Parser parser = {relation, state_over(table)};
    out.relation = relation;
    Datum* items;
    out.key_count = elements_of(keys, "keys", kMaxKeyColumns, &items);
    out.keys = make_array<NamedKey>(static_cast<size_t>(out.key_count));
    for (int i = 0; i < out.key_count; ++i) {
        read_key(parser, TextDatumGetCString(items[i]), i, &out.keys[i]);
    }
    constexpr int kMost = static_cast<int>(core::kMaxAmounts);
    out.measure_count = elements_of(measures, "measures", kMost, &items);
    out.measures = make_array<NamedMeasure>(static_cast<size_t>(out.measure_count));
    int amounts = 0;
    for (int i = 0; i < out.measure_count; ++i) {
        read_measure(parser, TextDatumGetCString(items[i]), &out.measures[i]);
        amounts += amounts_of(out.measures[i].measure);
        out.in_row = out.in_row || out.measures[i].slice != nullptr;
    }
    if (amounts == 0 || amounts > kMost) {
        ereport(ERROR, (errcode(amounts == 0 ? ERRCODE_INVALID_PARAMETER_VALUE
                                             : ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("an aggregate cache has from 1 to %d measures, where all but "
                               "counts count as two",
                               kMost),
                        out.in_row ? errdetail("With the first ones of a group, which count as "
                                               "many as are kept, these are %d.",
                                               amounts)
                                   : 0,
                        out.in_row ? errhint("Give some of them a cache of their own.") : 0));
    }
    if (filter != nullptr) out.filter = read_filter(parser, filter);
    check_nulls(out);
    table_close(table, NoLock);
    return out;
}

const char* loader_body(const AggregateTexts& t) {
    List* context = deparse_context_for(get_rel_name(t.relation), t.relation);
    // With all casts, so that it is read back as what it is.
    const auto text_of = [&](void* node) {
        return deparse_expression(static_cast<Node*>(node), context, true, true);
    };
    StringInfoData s;
    initStringInfo(&s);
    appendStringInfo(&s, "BEGIN ATOMIC SELECT %s", t.in_row ? "ROW(" : "");
    // The parts are numbers of one array, until something else comes between them.
    bool in_array = false;
    const auto end_array = [&] {
        if (in_array) appendStringInfoChar(&s, ']');
        in_array = false;
    };
    const auto begin_number = [&](int measure) {
        appendStringInfo(&s, "%s%s", measure == 0 && !in_array ? "" : ", ",
                         in_array ? "" : "ARRAY[");
        in_array = true;
    };
    constexpr const char* kInt = "::pg_catalog.int4";
    int measure = 0;
    // `input`: a cast of the argument; `before`, `behind`: what makes the result a number.
    const auto add_part = [&](const char* function, const Measure& m, const char* input = "",
                              const char* before = "", const char* behind = "") {
        begin_number(measure);
        appendStringInfo(&s, "(%spg_catalog.%s(", before, function);
        if (m.argument == nullptr) {
            appendStringInfoChar(&s, '*');
        } else {
            appendStringInfo(&s, "(%s)%s", text_of(m.argument), input);
        }
        appendStringInfoChar(&s, ')');
        if (m.filter != nullptr) appendStringInfo(&s, " FILTER (WHERE %s)", text_of(m.filter));
        appendStringInfo(&s, "%s)::pg_catalog.numeric", behind);
    };
    const auto add_extreme = [&](const char* function, const Measure& m) {
        if (m.input != DATEOID && parts_of(m) == 1) return add_part(function, m);
        add_part(function, m, "", "pg_catalog.\"extract\"('epoch'::pg_catalog.text, ", ")");
        if (parts_of(m) == 1) return;
        add_part(function, m, "", "pg_catalog.\"extract\"('microseconds'::pg_catalog.text, ", ")");
    };
    for (; measure < t.measure_count; ++measure) {
        const Measure& m = t.measures[measure].measure;
        const char* input = is_boolean(m.kind) ? kInt : "";
        switch (m.kind) {
            case MeasureKind::kMin:
                add_extreme("min", m);
                continue;
            case MeasureKind::kMax:
                add_extreme("max", m);
                continue;
            case MeasureKind::kFirsts:
                end_array();
                if (measure > 0) appendStringInfoString(&s, ", ");
                append_firsts(&s, m, context);
                continue;
            case MeasureKind::kAverage:
                add_part("avg", m);
                break;
            case MeasureKind::kBoolOr:
                add_part("bool_or", m, "", "", kInt);
                break;
            case MeasureKind::kBoolAnd:
                add_part("bool_and", m, "", "", kInt);
                break;
            case MeasureKind::kSum:
            case MeasureKind::kCount:
                break;
        }
        if (m.kind != MeasureKind::kCount) add_part("sum", m, input);
        add_part("count", m);
    }
    end_array();
    appendStringInfo(&s, "%s FROM %s", t.in_row ? ")" : "",
                     quote_qualified_identifier(get_namespace_name(get_rel_namespace(t.relation)),
                                                get_rel_name(t.relation)));
    for (int i = 0; i < t.key_count; ++i) {
        appendStringInfo(&s, "%s (%s) OPERATOR(pg_catalog.=) $%d", i == 0 ? " WHERE" : " AND",
                         text_of(t.keys[i].expression), i + 1);
    }
    if (t.filter != nullptr) {
        appendStringInfo(&s, "%s (%s)", t.key_count == 0 ? " WHERE" : " AND", text_of(t.filter));
    }
    appendStringInfoString(&s, "; END");
    return s.data;
}

}  // namespace cache_ext::pg
