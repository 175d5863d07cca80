#include "pg/write/index_paths.hpp"

#include <iterator>

#include "pg/base/compat.hpp"
#include "pg/catalog/virtual_columns.hpp"
#include "pg/write/path_queries.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kMaxEqualities = 16;
constexpr int kMaxEntries = 2 * kMaxIndexSteps;  // of the range table: joins are in it, too

// A side of an equality: a column of a table of the query, or of the changed row.
struct Side {
    int table;  // its number in the range table; 0: the changed row
    AttrNumber column;
};

struct Equality {
    Side left, right;
    Oid op;
    Oid collation;
    bool used;
};

struct Analysis {
    const Query* query;
    IndexPath* path;
    int count;
    Equality equalities[kMaxEqualities];
    int step_of[1 + kMaxEntries];  // by number in the range table; -1: none yet
};

const Node* without_relabeling(const Node* node) {
    while (IsA(node, RelabelType)) {
        node = reinterpret_cast<const Node*>(reinterpret_cast<const RelabelType*>(node)->arg);
    }
    return node;
}

bool side_of(const Query* query, const Node* node, Side* side) {
    node = without_relabeling(node);
    if (IsA(node, Var)) {
        const auto* var = reinterpret_cast<const Var*>(node);
        const RangeTblEntry* entry = rt_fetch(var->varno, query->rtable);
        if (var->varlevelsup != 0 || var->varattno <= 0 || entry->rtekind != RTE_RELATION ||
            is_virtual(entry->relid, var->varattno)) {
            return false;
        }
        *side = {static_cast<int>(var->varno), var->varattno};
        return true;
    }
    if (!IsA(node, FieldSelect)) return false;
    const auto* field = reinterpret_cast<const FieldSelect*>(node);
    if (!IsA(field->arg, Param)) return false;
    *side = {0, field->fieldnum};
    return true;
}

bool read_equalities(Analysis* a, Node* quals) {
    ListCell* cell;
    foreach (cell, make_ands_implicit(reinterpret_cast<Expr*>(quals))) {
        const auto* op = static_cast<const OpExpr*>(lfirst(cell));
        if (!IsA(op, OpExpr) || list_length(op->args) != 2 || a->count == kMaxEqualities) {
            return false;
        }
        Equality& e = a->equalities[a->count++];
        e = {{}, {}, op->opno, op->inputcollid, false};
        if (!side_of(a->query, static_cast<const Node*>(linitial(op->args)), &e.left) ||
            !side_of(a->query, static_cast<const Node*>(lsecond(op->args)), &e.right)) {
            return false;
        }
    }
    return true;
}

// Joins are inner ones, so it does not matter where a condition stands.
bool read_conditions(Analysis* a, const Node* node) {
    if (IsA(node, RangeTblRef)) return true;
    if (IsA(node, JoinExpr)) {
        const auto* join = reinterpret_cast<const JoinExpr*>(node);
        return read_equalities(a, join->quals) && read_conditions(a, join->larg) &&
               read_conditions(a, join->rarg);
    }
    if (!IsA(node, FromExpr)) return false;
    const auto* from = reinterpret_cast<const FromExpr*>(node);
    if (!read_equalities(a, from->quals)) return false;
    ListCell* cell;
    foreach (cell, from->fromlist) {
        if (!read_conditions(a, static_cast<const Node*>(lfirst(cell)))) return false;
    }
    return true;
}

IndexSource source(const Analysis& a, const Side& side) {
    if (side.table == 0) return {IndexSource::kRow, side.column};
    return {a.step_of[side.table], side.column};
}

bool is_known(const Analysis& a, const Side& side) {
    return side.table == 0 || a.step_of[side.table] >= 0;
}

// Built-in operators of built-in types, whose functions call no others: they run no code of users,
// look at no setting, and raise no error for what is in a table.
bool is_plain_equality(Oid op, Relation index, int place, Oid* right) {
    int strategy;
    Oid left;
    const Oid family = index->rd_opfamily[place];
    if (family >= FirstNormalObjectId || get_opcode(op) >= FirstNormalObjectId ||
        get_op_opfamily_strategy(op, family) != BTEqualStrategyNumber) {
        return false;
    }
    get_op_opfamily_properties(op, family, false, &strategy, &left, right);
    return left == index->rd_opcintype[place] && get_typtype(left) == TYPTYPE_BASE &&
           get_typtype(*right) == TYPTYPE_BASE;
}

// The condition that gives the value of this column of the index, the table being number `table`.
Equality* equality_for(Analysis* a, int table, Relation index, int place, IndexKey* key) {
    const AttrNumber column = index->rd_index->indkey.values[place];
    for (int i = 0; i < a->count; ++i) {
        Equality& e = a->equalities[i];
        for (const bool commuted : {false, true}) {
            const Side& own = commuted ? e.right : e.left;
            const Side& other = commuted ? e.left : e.right;
            if (e.used || own.table != table || own.column != column || !is_known(*a, other)) {
                continue;
            }
            const Oid op = commuted ? get_commutator(e.op) : e.op;
            const Oid collation = index->rd_indcollation[place];
            if (!OidIsValid(op) || (OidIsValid(collation) && collation != e.collation) ||
                !is_plain_equality(op, index, place, &key->type)) {
                continue;
            }
            key->from = source(*a, other);
            key->equality = get_opcode(op);
            key->collation = e.collation;
            return &e;
        }
    }
    return nullptr;
}

// An index that every snapshot of now can use, and whose conditions are all given.
bool step_by(Analysis* a, int table, Relation index, IndexStep* step) {
    const FormData_pg_index* form = index->rd_index;
    if (!form->indisunique || form->indisexclusion || !form->indisvalid || !form->indisready ||
        !form->indislive || form->indcheckxmin || index->rd_rel->relam != BTREE_AM_OID ||
        RelationGetIndexPredicate(index) != NIL || form->indnkeyatts > kMaxIndexKeys) {
        return false;
    }
    Equality* used[kMaxIndexKeys];
    for (int i = 0; i < form->indnkeyatts; ++i) {
        used[i] =
            form->indkey.values[i] > 0 ? equality_for(a, table, index, i, &step->keys[i]) : nullptr;
        if (used[i] == nullptr) return false;
    }
    for (int i = 0; i < form->indnkeyatts; ++i) used[i]->used = true;
    step->index = RelationGetRelid(index);
    step->key_count = form->indnkeyatts;
    return true;
}

bool add_step(Analysis* a, int table, const RangeTblEntry* entry) {
    IndexStep* step = &a->path->steps[a->path->step_count];
    *step = {};
    step->relation = entry->relid;
    Relation relation = table_open(entry->relid, AccessShareLock);
    bool found = false;
    ListCell* cell;
    foreach (cell, RelationGetIndexList(relation)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        found = step_by(a, table, index, step);
        index_close(index, NoLock);
        if (found) break;
    }
    table_close(relation, NoLock);
    if (found) a->step_of[table] = a->path->step_count++;
    return found;
}

// A table with rows of its own only, of which everybody sees the same.
bool is_plain_table(const RangeTblEntry* entry) {
    if (entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_RELATION ||
        entry->securityQuals != NIL || entry->tablesample != nullptr) {
        return false;
    }
    Relation relation = table_open(entry->relid, AccessShareLock);
    const FormData_pg_class* form = relation->rd_rel;
    const bool plain = !form->relrowsecurity && form->relpersistence != RELPERSISTENCE_TEMP &&
                       !(entry->inh && form->relhassubclass);
    table_close(relation, NoLock);
    return plain;
}

// Each table by an index of it whose columns the row, or tables before it, give.
bool order_tables(Analysis* a) {
    const int entries = list_length(a->query->rtable);
    int tables = 0;
    std::fill(std::begin(a->step_of), std::end(a->step_of), -1);
    for (int i = 1; i <= entries; ++i) {
        const RangeTblEntry* entry = rt_fetch(i, a->query->rtable);
        if (entry->rtekind == RTE_JOIN) continue;
        if (!is_plain_table(entry) || ++tables > kMaxIndexSteps) return false;
    }
    for (bool found = true; found;) {
        found = false;
        for (int i = 1; i <= entries; ++i) {
            const RangeTblEntry* entry = rt_fetch(i, a->query->rtable);
            if (entry->rtekind == RTE_JOIN || a->step_of[i] >= 0) continue;
            found = add_step(a, i, entry) || found;
        }
    }
    return a->path->step_count == tables;
}

bool read_result(const Analysis& a, int columns) {
    int column = 0;
    ListCell* cell;
    foreach (cell, a.query->targetList) {
        const auto* target = static_cast<const TargetEntry*>(lfirst(cell));
        if (target->resjunk) continue;
        if (column == columns) return false;
        const Node* node = without_relabeling(reinterpret_cast<const Node*>(target->expr));
        Side side;
        if (IsA(node, Const) && reinterpret_cast<const Const*>(node)->constisnull) {
            a.path->result[column++] = {IndexSource::kNull, 0};
        } else if (side_of(a.query, node, &side)) {
            a.path->result[column++] = source(a, side);
        } else {
            return false;
        }
    }
    return column == columns;
}

}  // namespace

bool index_path(SPIPlanPtr plan, int columns, IndexPath* path) {
    auto* from = static_cast<CachedPlanSource*>(linitial(SPI_plan_get_plan_sources(plan)));
    const auto* query = static_cast<const Query*>(linitial(from->query_list));
    if (!is_plain_join(query) || query->rtable == NIL || list_length(query->rtable) > kMaxEntries) {
        return false;
    }
    *path = {};
    Analysis a = {query, path, 0, {}, {}};
    if (!read_conditions(&a, reinterpret_cast<const Node*>(query->jointree)) || !order_tables(&a) ||
        std::any_of(a.equalities, a.equalities + a.count,
                    [](const Equality& e) { return !e.used; })) {
        return false;
    }
    return read_result(a, columns);
}

bool same_steps(const IndexPath& a, const IndexPath& b) {
    // Made of numbers without gaps, and cleared before.
    return a.step_count == b.step_count &&
           memcmp(a.steps, b.steps, sizeof(IndexStep) * static_cast<size_t>(a.step_count)) == 0;
}

}  // namespace cache_ext::pg
