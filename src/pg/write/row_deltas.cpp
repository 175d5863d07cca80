#include "pg/write/row_deltas.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/aggregates.hpp"
#include "pg/load/aggregate_values.hpp"
#include "pg/load/amounts.hpp"
#include "pg/load/elements.hpp"
#include "pg/write/changes.hpp"

extern "C" {
#include "access/attmap.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {

// How this session evaluates an aggregate's expressions over the rows of a relation: of the one
// that it was declared on, of a partition or child. Lives as long as the definition.
struct RowDeltas {
    RowDeltas* next;
    Oid relation;
    ExprContext* context;
    ExprState* keys[kMaxKeyColumns];
    ExprState* filter;  // nullptr: every row
    struct Input {
        ExprState* argument;  // nullptr: none
        ExprState* order;     // nullptr: none
        ExprState* filter;    // nullptr: every row
    };
    Input* inputs;  // by measure
    int column_count;
    AttrNumber* columns;  // those that it reads
};

namespace {

using core::Amount;

// Columns of a partition or child have the same names, and perhaps other numbers.
AttrMap* map_to(Relation relation, const Aggregate* a) {
    const TupleDesc desc = RelationGetDescr(relation);
    int most = 0;
    for (int k = -1; (k = bms_next_member(a->columns, k)) >= 0;) most = k;
    AttrMap* map = make_attrmap(most);
    for (int i = 0; i < most; ++i) {
        const char* name = get_attname(a->relation, static_cast<AttrNumber>(i + 1), true);
        for (int k = 0; name != nullptr && k < desc->natts; ++k) {
            const FormData_pg_attribute* a = TupleDescAttr(desc, k);
            if (!a->attisdropped && strcmp(NameStr(a->attname), name) == 0) {
                map->attnums[i] = static_cast<AttrNumber>(k + 1);
            }
        }
    }
    return map;
}

ExprState* prepared(Expr* expression, const AttrMap* map) {
    if (expression == nullptr) return nullptr;
    auto* node = static_cast<Node*>(copyObjectImpl(expression));
    bool whole_row = false;
    if (map != nullptr) node = map_variable_attnos(node, 1, 0, map, InvalidOid, &whole_row);
    return ExecInitExpr(expression_planner(reinterpret_cast<Expr*>(node)), nullptr);
}

RowDeltas* make_row_deltas(const Definition* d, const Aggregate* a, Relation relation) {
    auto* r = make<RowDeltas>();
    r->relation = RelationGetRelid(relation);
    const AttrMap* map = r->relation == a->relation ? nullptr : map_to(relation, a);
    r->context = CreateStandaloneExprContext();
    for (int i = 0; i < d->columns; ++i) r->keys[i] = prepared(a->keys[i], map);
    r->filter = prepared(a->filter, map);
    r->inputs = make_array<RowDeltas::Input>(static_cast<size_t>(a->measure_count));
    for (int i = 0; i < a->measure_count; ++i) {
        const Measure& m = a->measures[i];
        r->inputs[i] = {prepared(m.argument, map), prepared(m.order, map), prepared(m.filter, map)};
    }
    r->columns = make_array<AttrNumber>(static_cast<size_t>(bms_num_members(a->columns)));
    for (int k = -1; (k = bms_next_member(a->columns, k)) >= 0;) {
        r->columns[r->column_count++] =
            map == nullptr ? static_cast<AttrNumber>(k) : map->attnums[k - 1];
    }
    return r;
}

RowDeltas* row_deltas_of(const Definition* d, const Aggregate* a, Relation relation) {
    for (RowDeltas* r = d->session->row_deltas; r != nullptr; r = r->next) {
        if (r->relation == RelationGetRelid(relation)) return r;
    }
    // Kept once it is complete.
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext row deltas", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    RowDeltas* made = make_row_deltas(d, a, relation);
    MemoryContextSwitchTo(old);
    MemoryContextSetParent(context, GetMemoryChunkContext(d->session));
    made->next = d->session->row_deltas;
    d->session->row_deltas = made;
    return made;
}

bool any_changed(const RowDeltas* r, TupleTableSlot* old_row, TupleTableSlot* new_row) {
    return std::any_of(r->columns, r->columns + r->column_count, [&](AttrNumber column) {
        bool old_null, new_null;
        const Datum a = slot_getattr(old_row, column, &old_null);
        const Datum b = slot_getattr(new_row, column, &new_null);
        if (old_null || new_null) return old_null != new_null;
        const Form_pg_attribute form = TupleDescAttr(new_row->tts_tupleDescriptor, column - 1);
        return !datum_image_eq(a, b, form->attbyval, form->attlen);
    });
}

// A row's part of a value.
struct Part {
    bool any;    // it has one
    bool known;  // these are the amounts
    Key key;
    Amount amounts[core::kMaxAmounts];
};

Amount empty_amount(const Aggregate* a, int i) {
    return core::empty_amount(static_cast<uint32>(i), a->groups);
}

bool passes(ExprState* filter, ExprContext* context) {
    if (filter == nullptr) return true;
    bool null;
    const Datum value = ExecEvalExpr(filter, context, &null);
    return !null && DatumGetBool(value);
}

// False: what is added is no number that amounts can tell.
bool add_measure(const Measure& m, const RowDeltas::Input& input, ExprContext* context,
                 Amount* amounts) {
    if (!passes(input.filter, context)) return true;
    bool null = false;
    const Datum value =
        input.argument == nullptr ? Datum{0} : ExecEvalExpr(input.argument, context, &null);
    if (m.kind == MeasureKind::kFirsts) {
        bool no_order = false;
        const Datum order =
            input.order == nullptr ? Datum{0} : ExecEvalExpr(input.order, context, &no_order);
        return !null && !no_order && element_amount(m, value, order, &amounts[m.amount]);
    }
    if (null) return true;
    if (m.kind == MeasureKind::kCount) {
        amounts[m.amount] = 1;
        return true;
    }
    if (is_extreme(m.kind)) return extreme_amount(m, value, &amounts[m.amount]);
    amounts[m.amount + 1] = 1;
    return amount_of_value(m.input, value, m.scale, &amounts[m.amount]);
}

// In the memory of the expressions' context, which is reset.
void evaluate(const Definition* d, const Aggregate* a, RowDeltas* r, TupleTableSlot* row,
              Part* out) {
    ExprContext* context = r->context;
    ResetExprContext(context);
    MemoryContext old = MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
    context->ecxt_scantuple = row;
    Datum keys[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
    out->any = passes(r->filter, context);
    for (int i = 0; i < d->columns && out->any; ++i) {
        keys[i] = ExecEvalExpr(r->keys[i], context, &nulls[i]);
        out->any = !nulls[i];  // nothing is equal to NULL
    }
    MemoryContextSwitchTo(old);
    if (!out->any) return;
    encode_key(d->cache_id(), d->columns, d->key_types, keys, nulls, &out->key);
    MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
    for (int i = 0; i < a->amount_count; ++i) out->amounts[i] = empty_amount(a, i);
    out->known = true;
    for (int i = 0; i < a->measure_count && out->known; ++i) {
        out->known = add_measure(a->measures[i], r->inputs[i], context, out->amounts);
    }
    MemoryContextSwitchTo(old);
}

// Errors that say something about the session or the storage, and not about the row: a cancel, a
// lock that was not given, a page that cannot be read. They may hold what only an abort gives back.
// Too little memory is none of these, nor is "invalid memory alloc request size", an internal error
// that any long text can bring about.
bool must_pass(int sqlstate) {
    switch (sqlstate) {
        case ERRCODE_OUT_OF_MEMORY:
        case ERRCODE_INTERNAL_ERROR:
            return false;
        case ERRCODE_LOCK_NOT_AVAILABLE:
            return true;
        default:
            break;
    }
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case ERRCODE_TRANSACTION_ROLLBACK:
        case ERRCODE_OPERATOR_INTERVENTION:
        case ERRCODE_INSUFFICIENT_RESOURCES:
        case ERRCODE_SYSTEM_ERROR:
        case ERRCODE_INTERNAL_ERROR:
            return true;
        default:
            return false;
    }
}

// nullptr: the cache is no aggregate any more, or an expression, or the key's length, has raised an
// error. Nothing that these take outlives them but memory, so it can be caught without a
// subtransaction.
const Aggregate* try_rows(const Dependency& dep, Relation relation, TupleTableSlot* old_row,
                          TupleTableSlot* new_row, Part* before, Part* after) {
    const Definition* d = dep.definition;
    MemoryContext context = CurrentMemoryContext;
    const Aggregate* volatile evaluated = nullptr;
    PG_TRY();
    {
        const Aggregate* a = aggregate_of(d);
        if (a != nullptr && a->relation == dep.declared) {
            RowDeltas* r = row_deltas_of(d, a, relation);
            const bool update = old_row != nullptr && new_row != nullptr;
            if (!update || any_changed(r, old_row, new_row)) {
                if (old_row != nullptr) evaluate(d, a, r, old_row, before);
                if (new_row != nullptr) evaluate(d, a, r, new_row, after);
            }
            evaluated = a;
        }
    }
    PG_CATCH();
    {
        if (must_pass(geterrcode())) PG_RE_THROW();
        MemoryContextSwitchTo(context);
        FlushErrorState();
    }
    PG_END_TRY();
    return evaluated;
}

bool same_key(const Part& a, const Part& b) {
    return a.key.view.hash == b.key.view.hash && a.key.view.size == b.key.view.size &&
           memcmp(a.key.view.bytes, b.key.view.bytes, a.key.view.size) == 0;
}

// What goes is taken away from sums; of what is kept in order the one value that the row has
// brought is the first of those that went.
void take_away(Part* part, const Aggregate* a) {
    if (!part->any || !part->known) return;
    for (int i = 0; i < a->measure_count; ++i) {
        const Measure& m = a->measures[i];
        Amount* amounts = &part->amounts[m.amount];
        if (is_kept(m)) {
            std::swap(amounts[0], amounts[m.kept]);
            continue;
        }
        for (int k = 0; k < amounts_of(m); ++k) amounts[k] = -amounts[k];
    }
}

// Adds what a row takes away with it to what it brings to the same key.
void add_taken(const Part& taken, const Aggregate* a, Part* to) {
    for (int i = 0; i < a->measure_count; ++i) {
        const Measure& m = a->measures[i];
        Amount* sums = &to->amounts[m.amount];
        const Amount* less = &taken.amounts[m.amount];
        for (int k = 0; !is_kept(m) && k < amounts_of(m); ++k) {
            to->known = !__builtin_add_overflow(sums[k], less[k], &sums[k]) && to->known;
        }
        if (!is_kept(m)) continue;
        Amount &came = sums[0], &went = sums[m.kept];
        went = less[m.kept];
        // As if nothing had happened: a value is where it was.
        if (came == went) came = went = core::kNoLeast;
    }
}

void collect(const Definition* d, const Part& part, const Aggregate* a) {
    if (!part.known) {
        collect_change(d, d->all_columns(), part.key.column_hash);
        return;
    }
    for (int i = 0; i < a->amount_count; ++i) {
        if (part.amounts[i] == empty_amount(a, i)) continue;
        collect_delta(d, part.key, part.amounts, a->amount_count, a->groups);
        return;
    }
}

}  // namespace

void collect_row_delta(const Dependency& dep, Relation relation, TupleTableSlot* old_row,
                       TupleTableSlot* new_row, bool tells) {
    const Definition* d = dep.definition;
    // A key's bytes may be long; they are in this memory, which goes with the statement's row.
    Part before, after;
    before.any = after.any = before.known = after.known = false;
    // With another dependency beside it, a row would be told twice.
    const Aggregate* a = d->lapse == Lapse::kNone
                             ? try_rows(dep, relation, old_row, new_row, &before, &after)
                             : nullptr;
    if (a == nullptr) {
        collect_whole(d->id, false);
        return;
    }
    before.known = before.known && tells;
    after.known = after.known && tells;
    take_away(&before, a);
    if (before.any && after.any && before.known && after.known && same_key(before, after)) {
        // A value that moves within its key adds what it differs by.
        add_taken(before, a, &after);
        before.any = false;
    }
    if (before.any) collect(d, before, a);
    if (after.any) collect(d, after, a);
}

}  // namespace cache_ext::pg
