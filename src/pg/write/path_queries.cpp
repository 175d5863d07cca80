#include "pg/write/path_queries.hpp"

#include <utility>

#include "pg/base/compat.hpp"
#include "pg/catalog/virtual_columns.hpp"
#include "pg/load/environment.hpp"
#include "pg/catalog/key_types.hpp"

extern "C" {
#include "access/genam.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/regproc.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

[[noreturn]] void bad_query(const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("key_query cannot map a row to its key: %s", why), errhint("%s", hint)));
    pg_unreachable();
}

struct Walk {
    PathShape* shape;
    Oid relation;        // $1 is a row of it
    const Query* query;  // whose range table is looked at
};

List* add_name(List* list, const char* name) {
    ListCell* cell;
    foreach (cell, list) {
        if (strcmp(static_cast<char*>(lfirst(cell)), name) == 0) return list;
    }
    return lappend(list, pstrdup(name));
}

// A change of a virtual column is one of those behind it.
const Bitmapset* stored_columns(Oid relation, const Bitmapset* columns) {
    Bitmapset* stored = bms_copy(columns);
    for (int column = -1; (column = bms_next_member(columns, column)) >= 0;) {
        const auto attribute = static_cast<AttrNumber>(column + FirstLowInvalidHeapAttributeNumber);
        if (!is_virtual(relation, attribute)) continue;
        stored = bms_del_member(stored, column);
        stored = bms_add_members(stored, columns_behind(relation, attribute));
    }
    return stored;
}

void read_entry(const RangeTblEntry* entry, Walk* walk) {
    if (entry->rtekind != RTE_RELATION || entry->relkind == RELKIND_VIEW) return;
    PathShape* shape = walk->shape;
    int i = 0;
    while (i < shape->relation_count && shape->relations[i] != entry->relid) ++i;
    if (i == kMaxPathRelations) {
        bad_query("it reads too many tables", "Join at most 16 tables.");
    }
    if (i == shape->relation_count) {
        shape->relations[i] = entry->relid;
        ++shape->relation_count;
    }
    // Policies read columns that nobody is asked a privilege for, so they are not listed.
    if (entry->securityQuals != NIL) shape->all_columns[i] = true;
    const Bitmapset* columns = stored_columns(entry->relid, selected_columns(walk->query, entry));
    for (int column = -1; (column = bms_next_member(columns, column)) >= 0;) {
        const auto attribute = static_cast<AttrNumber>(column + FirstLowInvalidHeapAttributeNumber);
        if (attribute <= 0) {
            // The whole row; or a system column, which any update of the row changes.
            shape->all_columns[i] = true;
        } else {
            shape->columns[i] =
                add_name(shape->columns[i], get_attname(entry->relid, attribute, false));
        }
    }
}

// What a function of the user's own reads cannot be seen here; a change of it would move keys
// unnoticed.
bool reads_unseen(Oid function, void*) {
    if (function < FirstNormalObjectId || func_volatile(function) == PROVOLATILE_IMMUTABLE) {
        return false;
    }
    bad_query(psprintf("it calls %s, which may read tables", format_procedure(function)),
              "Read them in the query itself. A function that reads none can be IMMUTABLE.");
}

bool walk_node(Node* node, void* context) {
    auto* walk = static_cast<Walk*>(context);
    if (node == nullptr) return false;
    check_functions_in_node(node, reads_unseen, nullptr);
    if (IsA(node, Query)) {
        auto* query = reinterpret_cast<Query*>(node);
        const Query* outer = std::exchange(walk->query, query);
        const bool found =
            query_tree_walker(query, tree_walker(walk_node), context, QTW_EXAMINE_RTES_BEFORE);
        walk->query = outer;
        return found;
    }
    if (IsA(node, RangeTblEntry)) {
        read_entry(reinterpret_cast<RangeTblEntry*>(node), walk);
        return false;
    }
    if (IsA(node, FieldSelect)) {
        auto* field = reinterpret_cast<FieldSelect*>(node);
        if (IsA(field->arg, Param)) {
            const char* name = get_attname(walk->relation, field->fieldnum, false);
            if (is_virtual(walk->relation, field->fieldnum)) {
                bad_query(psprintf("column \"%s\" of $1 is computed when it is read, and a changed "
                                   "row does not have it",
                                   name),
                          "Compute it in the query from the columns that it is generated from.");
            }
            walk->shape->row_columns = add_name(walk->shape->row_columns, name);
            return false;
        }
    }
    if (IsA(node, Param)) {
        if (has_virtual_column(walk->relation)) {
            bad_query(
                "$1 as a whole has columns that are computed when they are read, and a changed "
                "row does not have them",
                "Name the columns of $1 that the key is made of.");
        }
        walk->shape->whole_row = true;
    }
    return expression_tree_walker(node, tree_walker(walk_node), context);
}

// A column that the quals fix to one value, and the equality by which they do.
struct Fixed {
    AttrNumber column;
    Oid equality;
};

// Two texts that a nondeterministic collation calls equal may both be in a unique index.
bool deterministic(Oid collation) {
    return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

List* fixed_columns(Node* quals) {
    List* fixed = NIL;
    ListCell* cell;
    foreach (cell, make_ands_implicit(reinterpret_cast<Expr*>(quals))) {
        auto* node = static_cast<Node*>(lfirst(cell));
        if (!IsA(node, OpExpr)) continue;
        auto* op = reinterpret_cast<OpExpr*>(node);
        if (list_length(op->args) != 2 || !deterministic(op->inputcollid)) continue;
        auto* left = static_cast<Node*>(linitial(op->args));
        auto* right = static_cast<Node*>(lsecond(op->args));
        Oid equality = op->opno;
        if (!IsA(left, Var)) {
            std::swap(left, right);
            equality = get_commutator(equality);
        }
        if (!IsA(left, Var) || !OidIsValid(equality) || contain_var_clause(right)) continue;
        auto* var = reinterpret_cast<Var*>(left);
        if (var->varattno <= 0) continue;
        auto* f = static_cast<Fixed*>(palloc(sizeof(Fixed)));
        *f = {var->varattno, equality};
        fixed = lappend(fixed, f);
    }
    return fixed;
}

// Is this column of the index one that the quals fix, by what the index calls equal?
bool fixes(List* fixed, AttrNumber column, Oid operator_family) {
    ListCell* cell;
    foreach (cell, fixed) {
        auto* f = static_cast<Fixed*>(lfirst(cell));
        if (f->column == column &&
            get_op_opfamily_strategy(f->equality, operator_family) == BTEqualStrategyNumber) {
            return true;
        }
    }
    return false;
}

bool has_unique_index_in(Oid relation, List* fixed) {
    bool found = false;
    Relation table = table_open(relation, AccessShareLock);
    ListCell* cell;
    foreach (cell, RelationGetIndexList(table)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        const FormData_pg_index* form = index->rd_index;
        // A key WITHOUT OVERLAPS is called unique as well, but one of its columns excludes by &&.
        bool inside = form->indisunique && !form->indisexclusion && form->indimmediate &&
                      form->indisvalid && RelationGetIndexPredicate(index) == NIL;
        for (int i = 0; inside && i < form->indnkeyatts; ++i) {
            const AttrNumber column = form->indkey.values[i];
            inside = column > 0 && fixes(fixed, column, index->rd_opfamily[i]);
        }
        found = found || inside;
        index_close(index, AccessShareLock);
    }
    table_close(table, AccessShareLock);
    return found;
}

// One table, found by a unique key: once a row is found, no inserted or deleted one adds another.
bool finds_one_row(const Query* query) {
    if (list_length(query->rtable) != 1 || query->hasSubLinks || query->cteList != NIL ||
        query->setOperations != nullptr) {
        return false;
    }
    const RangeTblEntry* entry = rt_fetch(1, query->rtable);
    if (entry->rtekind != RTE_RELATION || entry->relkind == RELKIND_VIEW) return false;
    // An index of a parent says nothing of its children. (One of a partitioned table does.)
    if (entry->relkind == RELKIND_RELATION && entry->inh && has_subclass(entry->relid)) {
        return false;
    }
    return has_unique_index_in(entry->relid, fixed_columns(query->jointree->quals));
}

void check_result(const Definition* d, const Query* query, PathShape* shape) {
    int column = 0;
    ListCell* cell;
    foreach (cell, query->targetList) {
        auto* target = static_cast<TargetEntry*>(lfirst(cell));
        if (target->resjunk) continue;
        if (column == d->columns) {
            ++column;
            break;
        }
        auto* expression = reinterpret_cast<Node*>(target->expr);
        const bool null_constant =
            IsA(expression, Const) && reinterpret_cast<Const*>(expression)->constisnull;
        const Oid type = getBaseType(exprType(expression));
        const bool same = equal_as_keys(type, d->key_types[column]);
        if (!same && !null_constant) {
            ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                            errmsg("column %d of key_query is of type %s, but key column %d of "
                                   "cache \"%s\" is of type %s",
                                   column + 1, format_type_be(type), column + 1, d->name,
                                   format_type_be(d->key_types[column])),
                            errhint("Cast it in the query.")));
        }
        if (!null_constant && !deterministic(exprCollation(expression))) {
            ereport(ERROR,
                    (errcode(ERRCODE_INDETERMINATE_COLLATION),
                     errmsg("column %d of key_query has a nondeterministic collation", column + 1),
                     errhint("Different texts would be equal keys; return NULL for this column, "
                             "which means every value of it.")));
        }
        if (!null_constant) shape->mask |= ColumnMask{1} << column;
        ++column;
    }
    if (column != d->columns) {
        bad_query("it returns a different number of columns than the cache has key columns",
                  "Return one column per key column; a constant NULL means every value of it.");
    }
}

// The columns of `relation` that the query returns as keys, see PathShape::keys.
List* returned_keys(const Query* query, Oid relation) {
    int mentioned = 0;
    ListCell* cell;
    foreach (cell, query->rtable) {
        auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
        if (entry->rtekind == RTE_RELATION && entry->relid == relation) ++mentioned;
    }
    if (mentioned != 1 || !is_plain_join(query)) return NIL;
    List* keys = NIL;
    foreach (cell, query->targetList) {
        auto* target = static_cast<TargetEntry*>(lfirst(cell));
        if (target->resjunk) continue;
        auto* expression = reinterpret_cast<Node*>(target->expr);
        if (IsA(expression, Const) && reinterpret_cast<Const*>(expression)->constisnull) {
            keys = lappend(keys, nullptr);
            continue;
        }
        if (!IsA(expression, Var)) return NIL;
        auto* var = reinterpret_cast<Var*>(expression);
        const RangeTblEntry* entry = rt_fetch(var->varno, query->rtable);
        if (entry->rtekind != RTE_RELATION || entry->relid != relation || var->varattno <= 0) {
            return NIL;
        }
        keys = lappend(keys, get_attname(relation, var->varattno, false));
    }
    return keys;
}

}  // namespace

bool is_plain_join(const Query* query) {
    if (query->hasSubLinks || query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs ||
        query->cteList != NIL || query->setOperations != nullptr || query->limitCount != nullptr ||
        query->limitOffset != nullptr || query->groupClause != NIL ||
        query->havingQual != nullptr) {
        return false;
    }
    ListCell* cell;
    foreach (cell, query->rtable) {
        auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
        const bool inner_join = entry->rtekind == RTE_JOIN && entry->jointype == JOIN_INNER;
        const bool table = entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_VIEW;
        if (!inner_join && !table) return false;
    }
    return true;
}

MeantQuery prepare_key_query(const Definition* d, Oid relation, const char* text, int64 expected) {
    const Oid row_type = get_rel_type_id(relation);
    // As it will run: what names mean, and which policies apply, is the owner's.
    MeantQuery prepared;
    as_owner_of(d, [&] { prepared = prepare_meant(text, row_type, expected); });
    return prepared;
}

PathShape path_shape(const Definition* d, Oid relation, const MeantQuery& prepared) {
    List* sources = SPI_plan_get_plan_sources(prepared.plan);
    if (list_length(sources) != 1) bad_query("it is not one statement", "Give one SELECT.");
    auto* source = static_cast<CachedPlanSource*>(linitial(sources));
    if (list_length(source->query_list) != 1) bad_query("it is not one SELECT", "Give one SELECT.");
    auto* query = static_cast<Query*>(linitial(source->query_list));
    if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->rowMarks != NIL) {
        bad_query("it is not a plain SELECT", "It may neither write nor lock rows.");
    }
    if (contain_volatile_functions(reinterpret_cast<Node*>(query))) {
        bad_query("it calls a VOLATILE function", "Use IMMUTABLE functions.");
    }
    PathShape shape = {};
    shape.meaning = prepared.meaning;
    check_result(d, query, &shape);
    Walk walk = {&shape, relation, nullptr};
    walk_node(reinterpret_cast<Node*>(query), &walk);
    const bool one_row = finds_one_row(query);
    for (int i = 0; i < shape.relation_count; ++i) {
        shape.inserts[i] = !one_row;
        shape.keys[i] = returned_keys(query, shape.relations[i]);
    }
    return shape;
}

PathShape check_path_query(const Definition* d, Oid relation, const char* text) {
    return path_shape(d, relation, prepare_key_query(d, relation, text, 0));
}

}  // namespace cache_ext::pg
