#include "pg/catalog/aggregates.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/row_expressions.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

// Negative ones are possible; a typmod that is none has -1.
int scale_of(int32 typmod) {
    if (typmod < static_cast<int32>(VARHDRSZ)) return -1;
    const int32 packed = (typmod - static_cast<int32>(VARHDRSZ)) & 0x7ff;
    return (packed ^ 1024) - 1024;
}

// One table, one result, and nothing else that a query can have.
bool is_plain(const Query* q) {
    if (q->commandType != CMD_SELECT || list_length(q->rtable) != 1 ||
        list_length(q->targetList) != 1 || list_length(q->jointree->fromlist) != 1 ||
        q->groupClause != NIL || q->groupingSets != NIL || q->havingQual != nullptr ||
        q->windowClause != NIL || q->distinctClause != NIL || q->sortClause != NIL ||
        q->limitOffset != nullptr || q->limitCount != nullptr || q->rowMarks != NIL ||
        q->setOperations != nullptr || q->cteList != NIL || q->hasSubLinks || q->hasTargetSRFs) {
        return false;
    }
    const auto* table = linitial_node(RangeTblEntry, q->rtable);
    return table->rtekind == RTE_RELATION && table->inh && table->tablesample == nullptr;
}

// The only query of the body; nullptr: it has others, or none.
const Query* query_of(Oid loader) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(loader));
    if (!HeapTupleIsValid(tuple)) return nullptr;
    bool none;
    const Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &none);
    Node* tree = none ? nullptr : static_cast<Node*>(stringToNode(TextDatumGetCString(body)));
    ReleaseSysCache(tuple);
    if (tree == nullptr || !IsA(tree, List)) return nullptr;
    const auto* statements = linitial_node(List, reinterpret_cast<List*>(tree));
    if (list_length(statements) != 1) return nullptr;
    const auto* query = linitial_node(Query, statements);
    return is_plain(query) ? query : nullptr;
}

// `expression = $i`, the way in which the loader finds a key; nullptr: it is something else.
Expr* key_in(Node* condition, int i, Oid type) {
    if (!IsA(condition, OpExpr)) return nullptr;
    const auto* op = reinterpret_cast<OpExpr*>(condition);
    if (list_length(op->args) != 2 || exprType(static_cast<Node*>(linitial(op->args))) != type ||
        op->opno != lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr) {
        return nullptr;
    }
    const auto* argument = static_cast<Node*>(lsecond(op->args));
    while (IsA(argument, RelabelType)) {
        argument = reinterpret_cast<Node*>(reinterpret_cast<const RelabelType*>(argument)->arg);
    }
    const auto* parameter = reinterpret_cast<const Param*>(argument);
    return IsA(argument, Param) && parameter->paramid == i + 1
               ? static_cast<Expr*>(linitial(op->args))
               : nullptr;
}

// The keys come first, and what else there is is the filter.
bool read_conditions(const Definition* d, const Query* query, Aggregate* out) {
    Node* quals = query->jointree->quals;
    List* conditions =
        quals == nullptr ? NIL
        : IsA(quals, BoolExpr) && reinterpret_cast<BoolExpr*>(quals)->boolop == AND_EXPR
            ? reinterpret_cast<BoolExpr*>(quals)->args
            : list_make1(quals);
    List* filter = NIL;
    int i = 0;
    ListCell* cell;
    foreach (cell, conditions) {
        auto* condition = static_cast<Node*>(lfirst(cell));
        if (i < d->columns) {
            out->keys[i] = key_in(condition, i, d->key_types[i]);
            if (out->keys[i++] == nullptr) return false;
        } else {
            filter = lappend(filter, condition);
        }
    }
    out->filter = filter == NIL ? nullptr : make_ands_explicit(filter);
    return i == d->columns;
}

bool is_field(const Node* field, const char* name) {
    if (!IsA(field, Const)) return false;
    const auto* constant = reinterpret_cast<const Const*>(field);
    return constant->consttype == TEXTOID && !constant->constisnull &&
           strcmp(TextDatumGetCString(constant->constvalue), name) == 0;
}

// What is made numeric, if it is not of that type, and nothing else; of a date or time this field.
const Aggref* call_in(Node* element, const char* field) {
    while (IsA(element, FuncExpr)) {
        const auto* made = reinterpret_cast<FuncExpr*>(element);
        switch (made->funcid) {
            case F_NUMERIC_INT2:
            case F_NUMERIC_INT4:
            case F_NUMERIC_INT8:
            case F_INT4_BOOL:
                element = static_cast<Node*>(linitial(made->args));
                break;
            case F_EXTRACT_TEXT_DATE:
            case F_EXTRACT_TEXT_TIMESTAMP:
            case F_EXTRACT_TEXT_TIMESTAMPTZ:
                if (!is_field(static_cast<Node*>(linitial(made->args)), field)) return nullptr;
                element = static_cast<Node*>(lsecond(made->args));
                break;
            default:
                return nullptr;
        }
    }
    return IsA(element, Aggref) ? reinterpret_cast<Aggref*>(element) : nullptr;
}

// Is that the input of the measure? The true ones are added up as numbers.
bool is_input(const Expr* part, MeasureKind part_kind, const Measure& m) {
    if (!is_boolean(m.kind) || part_kind != MeasureKind::kSum) return equal(part, m.argument);
    const auto* cast = reinterpret_cast<const FuncExpr*>(part);
    return IsA(part, FuncExpr) && cast->funcid == F_INT4_BOOL &&
           equal(linitial(cast->args), m.argument);
}

// The measure's parts from `i` on: what it is, and behind that what its amounts are, of the same
// input and filter.
bool read_measure(List* parts, int i, Measure* m) {
    const Aggref* call = call_in(static_cast<Node*>(list_nth(parts, i)), "epoch");
    const char *why, *hint;
    if (call == nullptr || !measure_of(call, m, &why, &hint)) return false;
    constexpr MeasureKind kBehind[] = {MeasureKind::kSum, MeasureKind::kCount};
    const int more = parts_of(*m) - 1;
    if (i + more >= list_length(parts)) return false;
    for (int k = 1; k <= more; ++k) {
        Measure part;
        const MeasureKind kind = is_extreme(m->kind) ? m->kind : kBehind[2 - more + k - 1];
        call = call_in(static_cast<Node*>(list_nth(parts, i + k)), "microseconds");
        if (call == nullptr || !measure_of(call, &part, &why, &hint) || part.kind != kind ||
            !is_input(part.argument, part.kind, *m) || !equal(part.filter, m->filter)) {
            return false;
        }
    }
    return true;
}

bool read_measures(const Query* query, Aggregate* out) {
    const auto* target = linitial_node(TargetEntry, query->targetList);
    if (!IsA(target->expr, ArrayExpr)) return false;
    List* parts = reinterpret_cast<ArrayExpr*>(target->expr)->elements;
    out->part_count = list_length(parts);
    out->measures = make_array<Measure>(static_cast<size_t>(out->part_count));
    for (int i = 0; i < out->part_count;) {
        Measure* m = &out->measures[out->measure_count++];
        if (!read_measure(parts, i, m)) return false;
        m->part = i;
        m->amount = out->amount_count;
        if (is_extreme(m->kind) && m->amount + 1 < static_cast<int>(core::kMaxAmounts)) {
            out->lesser |= core::LesserMask{3} << m->amount;
        }
        out->amount_count += amounts_of(m->kind);
        i += parts_of(*m);
    }
    return out->amount_count > 0 && out->amount_count <= static_cast<int>(core::kMaxAmounts);
}

void note_columns(Expr* expression, Aggregate* out) {
    Bitmapset* read = nullptr;
    pull_varattnos(reinterpret_cast<Node*>(expression), 1, &read);
    for (int k = -1; (k = bms_next_member(read, k)) >= 0;) {
        out->columns = bms_add_member(out->columns, k + FirstLowInvalidHeapAttributeNumber);
    }
}

bool is_named_min_or_max(Oid function) {
    const char* name = get_func_name(function);
    return name != nullptr && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
}

}  // namespace

int parts_of(const Measure& m) {
    switch (m.kind) {
        case MeasureKind::kCount:
            return 1;
        case MeasureKind::kSum:
            return 2;
        case MeasureKind::kMin:
        case MeasureKind::kMax:
            return m.input == TIMESTAMPOID || m.input == TIMESTAMPTZOID ? 2 : 1;
        default:
            return 3;
    }
}

bool measure_of(const Aggref* call, Measure* m, const char** why, const char** hint) {
    *m = {};
    *hint =
        "It may be count(*), count(x), sum(x), avg(x), min(x), max(x), bool_or(x) or bool_and(x), "
        "each with FILTER.";
    if (call->aggdistinct != NIL) {
        *why = "DISTINCT needs to know which rows there are";
        return false;
    }
    if (call->aggorder != NIL || call->aggdirectargs != NIL || call->aggkind != AGGKIND_NORMAL) {
        *why = "what depends on the order of rows cannot be kept up to date";
        return false;
    }
    m->filter = call->aggfilter;
    m->result = call->aggtype;
    if (call->args != NIL) m->argument = linitial_node(TargetEntry, call->args)->expr;
    switch (call->aggfnoid) {
        case F_COUNT_:
        case F_COUNT_ANY:
            m->kind = MeasureKind::kCount;
            return true;
        case F_SUM_INT2:
        case F_SUM_INT4:
        case F_SUM_INT8:
        case F_SUM_NUMERIC:
            m->kind = MeasureKind::kSum;
            break;
        case F_AVG_INT2:
        case F_AVG_INT4:
        case F_AVG_INT8:
        case F_AVG_NUMERIC:
            m->kind = MeasureKind::kAverage;
            break;
        case F_BOOL_OR:
            m->kind = MeasureKind::kBoolOr;
            break;
        case F_BOOL_AND:
        case F_EVERY:
            m->kind = MeasureKind::kBoolAnd;
            break;
        case F_MIN_INT2:
        case F_MIN_INT4:
        case F_MIN_INT8:
        case F_MIN_NUMERIC:
        case F_MIN_DATE:
        case F_MIN_TIMESTAMP:
        case F_MIN_TIMESTAMPTZ:
            m->kind = MeasureKind::kMin;
            break;
        case F_MAX_INT2:
        case F_MAX_INT4:
        case F_MAX_INT8:
        case F_MAX_NUMERIC:
        case F_MAX_DATE:
        case F_MAX_TIMESTAMP:
        case F_MAX_TIMESTAMPTZ:
            m->kind = MeasureKind::kMax;
            break;
        case F_SUM_FLOAT4:
        case F_SUM_FLOAT8:
        case F_AVG_FLOAT4:
        case F_AVG_FLOAT8:
            *why = "a sum of floating-point numbers depends on their order";
            *hint = "Cast what is added up to numeric(p, s), as in sum(x::numeric(20,4)).";
            return false;
        default:
            *why = "no change of a row tells how it changes";
            if (is_named_min_or_max(call->aggfnoid)) {
                *why = psprintf("values of type %s are not kept", format_type_be(call->aggtype));
                *hint =
                    "min and max may be of smallint, integer, bigint, numeric(p, s), date, "
                    "timestamp and timestamptz. Cast a number, as in min(x::numeric(20,4)).";
            }
            return false;
    }
    m->input = exprType(reinterpret_cast<Node*>(m->argument));
    if (m->input != NUMERICOID) return true;
    m->scale = scale_of(exprTypmod(reinterpret_cast<Node*>(m->argument)));
    if (m->scale >= 0 && m->scale <= kMaxAmountScale) return true;
    *why = "how many digits numeric has behind the point is not known, or too many";
    *hint =
        psprintf("Cast it to numeric(p, s) with a scale from 0 to %d, as in %s(x::numeric(20,4)).",
                 kMaxAmountScale, get_func_name(call->aggfnoid));
    return false;
}

const Aggregate* read_aggregate(const Definition* d, Oid loader) {
    const Query* query = query_of(loader);
    if (query == nullptr) return nullptr;
    auto* out = make<Aggregate>();
    out->relation = linitial_node(RangeTblEntry, query->rtable)->relid;
    if (!read_conditions(d, query, out) || !read_measures(query, out)) return nullptr;
    for (int i = 0; i < d->columns; ++i) note_columns(out->keys[i], out);
    note_columns(out->filter, out);
    for (int i = 0; i < out->measure_count; ++i) {
        note_columns(out->measures[i].argument, out);
        note_columns(out->measures[i].filter, out);
    }
    return out;
}

bool is_sound(const Definition* d, const Aggregate* a) {
    const auto sound = [&](Expr* e) {
        auto* node = reinterpret_cast<Node*>(e);
        return e == nullptr || fault_of_row_expression(node, a->relation).why == nullptr;
    };
    bool good = sound(a->filter);
    for (int i = 0; i < d->columns; ++i) {
        const Oid collation = exprCollation(reinterpret_cast<Node*>(a->keys[i]));
        good = good && sound(a->keys[i]) &&
               (!OidIsValid(collation) || get_collation_isdeterministic(collation));
    }
    for (int i = 0; i < a->measure_count; ++i) {
        good = good && sound(a->measures[i].argument) && sound(a->measures[i].filter);
    }
    return good;
}

const Aggregate* aggregate_of(const Definition* d) {
    if (!d->aggregates || d->loader_changed || !OidIsValid(d->loader)) return nullptr;
    SessionState* session = d->session;
    if (session->aggregate != nullptr || session->no_aggregate) return session->aggregate;
    // Kept once it is complete.
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext aggregate", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    const Aggregate* made = read_aggregate(d, d->loader);
    // Writers run its expressions as themselves.
    if (made != nullptr && !is_sound(d, made)) made = nullptr;
    MemoryContextSwitchTo(old);
    MemoryContextSetParent(context, GetMemoryChunkContext(session));
    session->aggregate = made;
    session->no_aggregate = made == nullptr;
    return made;
}

uint64 fingerprint_of_body(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return 0;
    const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    bool none, no_settings;
    const Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &none);
    SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &no_settings);
    uint64 hash = 0;
    if (!none && no_settings && proc->prolang == SQLlanguageId && !proc->prosecdef &&
        !proc->proisstrict && proc->provolatile == PROVOLATILE_STABLE) {
        const char* tree = TextDatumGetCString(body);
        hash = hash_bytes_extended(reinterpret_cast<const uint8*>(tree),
                                   static_cast<int>(strlen(tree)), 0);
        if (hash == 0) hash = 1;
    }
    ReleaseSysCache(tuple);
    return hash;
}

}  // namespace cache_ext::pg
