#include "pg/catalog/firsts.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

constexpr const char* kForm =
    "It may be (array_agg(x ORDER BY y, x))[1:N], of which y, or x, may be DESC, or "
    "(array_agg(x ORDER BY x))[1:N], with FILTER.";

// How many may go before the first ones have to be loaded again: what that costs in memory is twice
// as much.
int reserve_for(int wanted) {
    return std::clamp(wanted / 2, 3, 8);
}

// The values have a place of 64 bits in their order.
bool has_place(Oid type) {
    switch (type) {
        case BOOLOID:
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case OIDOID:
        case DATEOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            return true;
        default:
            return false;
    }
}

// -1: it is no such constant.
int number_in(const Node* node) {
    const auto* constant = reinterpret_cast<const Const*>(node);
    return node != nullptr && IsA(node, Const) && constant->consttype == INT4OID &&
                   !constant->constisnull
               ? DatumGetInt32(constant->constvalue)
               : -1;
}

// `call[1:*most]`; nullptr: it is something else.
const Aggref* sliced(const SubscriptingRef* slice, int* most) {
    if (slice->refassgnexpr != nullptr || list_length(slice->refupperindexpr) != 1 ||
        list_length(slice->reflowerindexpr) != 1 ||
        number_in(static_cast<Node*>(linitial(slice->reflowerindexpr))) != 1) {
        return nullptr;
    }
    *most = number_in(static_cast<Node*>(linitial(slice->refupperindexpr)));
    const auto* call = reinterpret_cast<const Aggref*>(slice->refexpr);
    return *most >= 1 && IsA(call, Aggref) && call->aggfnoid == F_ARRAY_AGG_ANYNONARRAY &&
                   call->aggkind == AGGKIND_NORMAL && call->aggdistinct == NIL
               ? call
               : nullptr;
}

Expr* argument_of(const Aggref* call) {
    return linitial_node(TargetEntry, call->args)->expr;
}

// A call in field `i` of what the loader returns; nullptr: it is something else.
const Aggref* list_in(List* fields, int i, int* most) {
    if (i >= list_length(fields)) return nullptr;
    auto* field = static_cast<Node*>(list_nth(fields, i));
    return IsA(field, SubscriptingRef) ? sliced(reinterpret_cast<SubscriptingRef*>(field), most)
                                       : nullptr;
}

bool same_direction(const Direction& a, const Direction& b) {
    return a.down == b.down && a.nulls_first == b.nulls_first;
}

// What clause `i` of its order is by. False: in no order that is the type's own.
bool read_order(const Aggref* call, int i, Expr** by, Direction* goes) {
    const auto* clause = list_nth_node(SortGroupClause, call->aggorder, i);
    *by = reinterpret_cast<Expr*>(
        get_sortgroupclause_expr(const_cast<SortGroupClause*>(clause), call->args));
    const TypeCacheEntry* type = lookup_type_cache(exprType(reinterpret_cast<Node*>(*by)),
                                                   TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
    goes->down = clause->sortop == type->gt_opr;
    goes->nulls_first = clause->nulls_first;
    return goes->down || clause->sortop == type->lt_opr;
}

// The order of a call that goes by one expression and `value`, or by that alone. False: it is
// another one.
bool read_orders(const Aggref* call, const Expr* value, Measure* m) {
    const int count = list_length(call->aggorder);
    Expr *first, *last;
    Direction first_goes;
    if (count < 1 || count > 2 || !read_order(call, 0, &first, &first_goes) ||
        !read_order(call, count - 1, &last, &m->value_goes) || !equal(last, value)) {
        return false;
    }
    if (count == 1) return true;
    m->order = first;
    m->order_goes = first_goes;
    m->order_type = exprType(reinterpret_cast<Node*>(first));
    return !equal(first, value) && has_place(m->order_type);
}

char* text_of(const void* expression, Oid relation) {
    List* context = deparse_context_for(get_rel_name(relation), relation);
    return deparse_expression(static_cast<Node*>(const_cast<void*>(expression)), context, false,
                              false);
}

SubscriptingRef* copied(const SubscriptingRef* slice) {
    return static_cast<SubscriptingRef*>(copyObjectImpl(slice));
}

// Why the order is none that can be kept, when read_orders() has found so.
const char* fault_of_order(const SubscriptingRef* slice, const Aggref* call, Oid relation,
                           const char** hint) {
    const Expr* value = argument_of(call);
    for (int i = 0; i < list_length(call->aggorder); ++i) {
        Expr* by;
        Direction goes;
        if (!read_order(call, i, &by, &goes)) return "it is in an order that is not its type's own";
        const Oid type = exprType(reinterpret_cast<Node*>(by));
        if (!has_place(type)) {
            *hint =
                "It may be in order of smallint, integer, bigint, oid, boolean, date, timestamp "
                "and timestamptz.";
            return psprintf("the order of values of type %s is not kept", format_type_be(type));
        }
    }
    if (call->aggorder == NIL) return "without ORDER BY nothing says which are the first";
    if (list_length(call->aggorder) == 1) {
        SubscriptingRef* total = copied(slice);
        auto* ordered = reinterpret_cast<Aggref*>(total->refexpr);
        auto* clause = makeNode(SortGroupClause);
        const TypeCacheEntry* type = lookup_type_cache(
            exprType(reinterpret_cast<const Node*>(value)), TYPECACHE_LT_OPR | TYPECACHE_EQ_OPR);
        clause->tleSortGroupRef =
            assignSortGroupRef(linitial_node(TargetEntry, ordered->args), ordered->args);
        clause->eqop = type->eq_opr;
        clause->sortop = type->lt_opr;
        ordered->aggorder = lappend(ordered->aggorder, clause);
        *hint = psprintf("Let what is collected decide: %s.", text_of(total, relation));
        return "which of several rows is the first is open where ORDER BY finds them equal";
    }
    return "its order is not by one expression and by what is collected";
}

bool is_never_null(Expr* value, Oid relation, Node* filters) {
    const auto* column = reinterpret_cast<const Var*>(value);
    if (IsA(value, Var)) {
        HeapTuple tuple = SearchSysCacheAttNum(relation, column->varattno);
        const bool has = HeapTupleIsValid(tuple) &&
                         reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attnotnull;
        if (HeapTupleIsValid(tuple)) ReleaseSysCache(tuple);
        if (has) return true;
    }
    auto* test = makeNode(NullTest);
    test->arg = value;
    test->nulltesttype = IS_NOT_NULL;
    return filters != nullptr &&
           predicate_implied_by(list_make1(test),
                                make_ands_implicit(reinterpret_cast<Expr*>(filters)), false);
}

void add_condition(Node* condition, Node** filter) {
    *filter = *filter == nullptr ? condition : make_and_qual(*filter, condition);
}

}  // namespace

bool firsts_of(const SubscriptingRef* slice, Oid relation, Measure* m, const char** why,
               const char** hint) {
    *m = {};
    *hint = kForm;
    int wanted;
    const Aggref* call = sliced(slice, &wanted);
    if (call == nullptr) {
        *why = "it is not the first ones of an array_agg in an order";
        return false;
    }
    m->kind = MeasureKind::kFirsts;
    m->filter = call->aggfilter;
    m->argument = argument_of(call);
    m->input = exprType(reinterpret_cast<Node*>(m->argument));
    m->result = call->aggtype;
    m->wanted = wanted;
    m->kept = wanted + reserve_for(wanted);
    if (wanted > kMaxFirsts) {
        *why = psprintf("%d are too many", wanted);
        *hint = psprintf("The first %d of a group are the most that are kept.", kMaxFirsts);
        return false;
    }
    if (!has_place(m->input)) {
        *why = psprintf("the first values of type %s are not kept", format_type_be(m->input));
        *hint =
            "They may be of smallint, integer, bigint, oid, boolean, date, timestamp and "
            "timestamptz, such as the key of the rows, by which they are found.";
        return false;
    }
    if (read_orders(call, m->argument, m)) return true;
    *why = fault_of_order(slice, call, relation, hint);
    return false;
}

const char* firsts_without_nulls(const SubscriptingRef* slice, Oid relation, const Measure& m,
                                 Node* filter) {
    Node* filters = static_cast<Node*>(copyObjectImpl(filter));
    if (m.filter != nullptr) add_condition(static_cast<Node*>(copyObjectImpl(m.filter)), &filters);
    SubscriptingRef* without = copied(slice);
    Expr** own = &reinterpret_cast<Aggref*>(without->refexpr)->aggfilter;
    bool good = true;
    for (Expr* value : {m.order, m.argument}) {
        if (value == nullptr || is_never_null(value, relation, filters)) continue;
        good = false;
        auto* test = makeNode(NullTest);
        test->arg = value;
        test->nulltesttype = IS_NOT_NULL;
        test->location = -1;
        add_condition(reinterpret_cast<Node*>(test), reinterpret_cast<Node**>(own));
    }
    return good ? nullptr : text_of(without, relation);
}

void append_firsts(StringInfo body, const Measure& m, List* context) {
    // With all casts, so that it is read back as what it is.
    const auto text = [&](Expr* e) {
        return deparse_expression(reinterpret_cast<Node*>(e), context, true, true);
    };
    const auto add_order = [&](Expr* e, const Direction& to, const char* behind) {
        appendStringInfo(body, "(%s) %s NULLS %s%s", text(e), to.down ? "DESC" : "ASC",
                         to.nulls_first ? "FIRST" : "LAST", behind);
    };
    for (Expr* collected : {m.argument, m.order}) {
        if (collected == nullptr) continue;
        appendStringInfo(body, "(pg_catalog.array_agg((%s) ORDER BY ", text(collected));
        if (m.order != nullptr) add_order(m.order, m.order_goes, ", ");
        add_order(m.argument, m.value_goes, ")");
        if (m.filter != nullptr) appendStringInfo(body, " FILTER (WHERE %s)", text(m.filter));
        appendStringInfo(body, ")[1:%d], ", m.kept);
    }
    appendStringInfo(body, "%d", m.wanted);
}

bool read_firsts(List* fields, int i, Measure* m) {
    *m = {};
    int most;
    const Aggref* call = list_in(fields, i, &m->kept);
    if (call == nullptr) return false;
    m->kind = MeasureKind::kFirsts;
    m->filter = call->aggfilter;
    m->argument = argument_of(call);
    m->input = exprType(reinterpret_cast<Node*>(m->argument));
    m->result = call->aggtype;
    if (!has_place(m->input) || !read_orders(call, m->argument, m)) return false;
    if (m->order != nullptr) {
        // Of the same rows in the same order.
        Measure same = {};
        call = list_in(fields, ++i, &most);
        if (call == nullptr || most != m->kept || !equal(call->aggfilter, m->filter) ||
            !equal(argument_of(call), m->order) || !read_orders(call, m->argument, &same) ||
            !equal(same.order, m->order) || !same_direction(same.order_goes, m->order_goes) ||
            !same_direction(same.value_goes, m->value_goes)) {
            return false;
        }
    }
    m->wanted = ++i < list_length(fields) ? number_in(static_cast<Node*>(list_nth(fields, i))) : -1;
    return m->wanted >= 1 && m->wanted <= kMaxFirsts && m->kept >= m->wanted &&
           m->kept < static_cast<int>(core::kMaxAmounts);
}

}  // namespace cache_ext::pg
