#include "pg/catalog/aggregates.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/firsts.hpp"
#include "pg/catalog/row_expressions.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/sysattr.h"
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
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

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

// False: there is no room for its amounts.
bool add_measure(Measure m, Aggregate* out) {
    if (out->amount_count + amounts_of(m) > static_cast<int>(core::kMaxAmounts)) return false;
    m.part = out->part_count;
    m.amount = out->amount_count;
    if (is_kept(m)) {
        const auto first = static_cast<uint32>(m.amount);
        const auto kept = static_cast<uint32>(m.kept);
        out->groups.add(first, kept);
        out->groups.add(first + kept, static_cast<uint32>(went_of(m)));
    }
    out->part_count += parts_of(m);
    out->amount_count += amounts_of(m);
    out->measures[out->measure_count++] = m;
    return true;
}

bool read_numbers(List* parts, Aggregate* out) {
    for (int i = 0; i < list_length(parts);) {
        Measure m;
        if (!read_measure(parts, i, &m) || !add_measure(m, out)) return false;
        i += parts_of(m);
    }
    return true;
}

bool read_measures(const Query* query, Aggregate* out) {
    Expr* returned = linitial_node(TargetEntry, query->targetList)->expr;
    out->in_row = IsA(returned, RowExpr);
    List* fields = out->in_row ? reinterpret_cast<RowExpr*>(returned)->args : list_make1(returned);
    out->measures = make_array<Measure>(core::kMaxAmounts);
    for (int i = 0; i < list_length(fields); ++i) {
        auto* field = static_cast<Node*>(list_nth(fields, i));
        Measure m;
        if (IsA(field, ArrayExpr)) {
            if (!read_numbers(reinterpret_cast<ArrayExpr*>(field)->elements, out)) return false;
        } else if (out->in_row && read_firsts(fields, i, &m)) {
            if (!add_measure(m, out)) return false;
            i += parts_of(m) - 1;
        } else {
            return false;
        }
    }
    return out->amount_count > 0;
}

void note_columns(Expr* expression, Aggregate* out) {
    Bitmapset* read = nullptr;
    pull_varattnos(reinterpret_cast<Node*>(expression), 1, &read);
    for (int k = -1; (k = bms_next_member(read, k)) >= 0;) {
        out->columns = bms_add_member(out->columns, k + FirstLowInvalidHeapAttributeNumber);
    }
}

}  // namespace

const Aggregate* read_aggregate(const Definition* d, Oid loader) {
    const Query* query = query_of(loader);
    if (query == nullptr) return nullptr;
    auto* out = make<Aggregate>();
    out->relation = linitial_node(RangeTblEntry, query->rtable)->relid;
    if (!read_conditions(d, query, out) || !read_measures(query, out)) return nullptr;
    // What it returns is followed as the one or the other.
    if (out->in_row != (get_func_rettype(loader) == RECORDOID)) return nullptr;
    for (int i = 0; i < d->columns; ++i) note_columns(out->keys[i], out);
    note_columns(out->filter, out);
    for (int i = 0; i < out->measure_count; ++i) {
        note_columns(out->measures[i].argument, out);
        note_columns(out->measures[i].order, out);
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
        const Measure& m = a->measures[i];
        good = good && sound(m.argument) && sound(m.order) && sound(m.filter);
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
