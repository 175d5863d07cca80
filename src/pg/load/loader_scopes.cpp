#include "pg/load/loader_scopes.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/extension.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/catalog/virtual_columns.hpp"
#include "pg/load/loader_queries.hpp"
#include "pg/load/plain_calls.hpp"

extern "C" {
#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kDeepest = 24;      // queries in queries
constexpr int kMostScopes = 200;  // a view of views may have more than anybody wants to wait for

// An expression is walked with where it stands.
struct Walk {
    LoaderTree* tree;
    Scope* scope;
    Position position;
};

Scope* add_scope(LoaderTree* tree, Query* query, Scope* outer, Position position,
                 const Frame* frame);

void give_up(LoaderTree* tree, const char* why) {
    if (tree->unseen == nullptr) tree->unseen = why;
}

Scope* level_up(Scope* scope, Index levels) {
    while (levels-- > 0 && scope != nullptr) scope = scope->outer;
    return scope;
}

Mention* mention_of(const LoaderTree* tree, const Scope* scope, int entry) {
    ListCell* cell;
    foreach (cell, tree->mentions) {
        auto* m = static_cast<Mention*>(lfirst(cell));
        if (m->scope == scope && m->entry == entry) return m;
    }
    return nullptr;
}

// A virtual column is made of others, and these change.
void note_column(Mention* m, AttrNumber column) {
    if (column == 0) {
        m->all_columns = true;
    } else if (column < 0) {
        m->opaque = m->opaque || column != TableOidAttributeNumber;
    } else if (is_virtual(m->relation, column)) {
        Bitmapset* behind = columns_behind(m->relation, column);
        for (int i = -1; (i = bms_next_member(behind, i)) >= 0;) {
            note_column(m, static_cast<AttrNumber>(i + FirstLowInvalidHeapAttributeNumber));
        }
    } else {
        m->columns = bms_add_member(m->columns, column);
    }
}

bool walk(Node* node, void* context);

void walk_at(LoaderTree* tree, Scope* scope, Position position, void* node) {
    Walk w = {tree, scope, position};
    walk(static_cast<Node*>(node), &w);
}

void note_var(Walk* w, const Var* var) {
    Scope* scope = level_up(w->scope, var->varlevelsup);
    if (scope == nullptr || var->varno <= 0 || var->varno > list_length(scope->query->rtable)) {
        give_up(w->tree, "a reference that is not understood");
        return;
    }
    const RangeTblEntry* entry = rt_fetch(var->varno, scope->query->rtable);
    if (entry->rtekind == RTE_RELATION) {
        Mention* m = mention_of(w->tree, scope, var->varno);
        if (m != nullptr) note_column(m, var->varattno);
    } else if (entry->rtekind == RTE_JOIN) {
        if (var->varattno > 0) {
            walk_at(w->tree, scope, w->position, list_nth(entry->joinaliasvars, var->varattno - 1));
        } else {
            walk_at(w->tree, scope, w->position, entry->joinaliasvars);
        }
    }
}

// The body of a function is read as part of what calls it. False: it cannot be.
bool walk_function(Walk* w, FuncExpr* call) {
    if (!is_plain_type(call->funcresulttype)) return false;
    if (is_plain_function(call->funcid)) return true;

    // Its body is read as under the default collation: where equal is the same.
    if (OidIsValid(call->inputcollid) && !get_collation_isdeterministic(call->inputcollid)) {
        return false;
    }
    // Defaults, which may call anything, are filled in later.
    if (list_length(call->args) < get_func_nargs(call->funcid)) return false;
    // With settings of its own the loader gives its search_path to what it calls, too.
    List* queries = w->tree->depth < kDeepest && !w->tree->has_settings
                        ? queries_of(call->funcid, reinterpret_cast<Node*>(call), nullptr)
                        : NIL;
    if (queries == NIL) return false;
    auto* frame = make<Frame>();
    *frame = {call->args, w->scope};
    ListCell* cell;
    foreach (cell, queries) {
        add_scope(w->tree, lfirst_node(Query, cell), nullptr, w->position, frame);
    }
    return true;
}

// What an aggregate of this query adds up is computed for every combination, wherever it stands.
void walk_aggregate(Walk* w, Aggref* aggregate) {
    if (aggregate->agglevelsup > 0) {
        give_up(w->tree, "it has an aggregate of a query around");
        return;
    }
    const Position everywhere = {w->scope, nullptr, 0};
    walk_at(w->tree, w->scope, w->position, aggregate->aggdirectargs);
    walk_at(w->tree, w->scope, everywhere, aggregate->args);
    walk_at(w->tree, w->scope, everywhere, aggregate->aggorder);
    walk_at(w->tree, w->scope, everywhere, aggregate->aggdistinct);
    walk_at(w->tree, w->scope, everywhere, aggregate->aggfilter);
}

bool walk(Node* node, void* context) {
    auto* w = static_cast<Walk*>(context);
    CHECK_FOR_INTERRUPTS();
    if (node == nullptr || w->tree->unseen != nullptr) return false;
    if (IsA(node, FuncExpr)) {
        if (!walk_function(w, reinterpret_cast<FuncExpr*>(node))) {
            give_up(w->tree, "it calls a function that may read tables");
        }
        walk_at(w->tree, w->scope, w->position, reinterpret_cast<FuncExpr*>(node)->args);
        return false;
    }
    if (!is_plain_node(node)) {
        give_up(w->tree, "it has an expression of a kind that may call functions");
        return false;
    }
    if (IsA(node, Var)) {
        note_var(w, reinterpret_cast<Var*>(node));
        return false;
    }
    if (IsA(node, Aggref)) {
        walk_aggregate(w, reinterpret_cast<Aggref*>(node));
        return false;
    }
    if (IsA(node, SubLink)) {
        auto* link = reinterpret_cast<SubLink*>(node);
        auto* known = make<SubLinkScope>();
        *known = {link, add_scope(w->tree, reinterpret_cast<Query*>(link->subselect), w->scope,
                                  w->position, w->scope->frame)};
        w->tree->sublinks = lappend(w->tree->sublinks, known);
        return walk(link->testexpr, context);
    }
    return expression_tree_walker(node, tree_walker(walk), context);
}

// Rows come from the server's own heap, are told by triggers, and count by what they hold.
bool is_declarable(const RangeTblEntry* entry) {
    if (entry->relkind != RELKIND_RELATION && entry->relkind != RELKIND_PARTITIONED_TABLE) {
        return false;
    }
    return get_rel_persistence(entry->relid) != RELPERSISTENCE_TEMP &&
           !IsCatalogRelationOid(entry->relid) && !is_own_table(entry->relid) &&
           !has_foreign_part(entry->relid);
}

void add_mention(LoaderTree* tree, Scope* scope, int i, const RangeTblEntry* entry) {
    if (entry->relkind == RELKIND_VIEW) return;  // expanded; what is left is the view's own entry
    auto* m = make<Mention>();
    m->scope = scope;
    m->entry = i;
    m->relation = entry->relid;
    m->opaque = !is_declarable(entry) || entry->tablesample != nullptr;
    m->repeated = tree->copies > 0;
    tree->mentions = lappend(tree->mentions, m);
}

// Where a WITH is read, a row of it is one that its query gives: known by a copy of that, since
// each reader has a row of its own.
void read_with(LoaderTree* tree, Scope* scope, int i, const RangeTblEntry* entry) {
    Scope* definer = level_up(scope, entry->ctelevelsup);
    ListCell* cell;
    foreach (cell, definer != nullptr ? definer->query->cteList : NIL) {
        const auto* with = lfirst_node(CommonTableExpr, cell);
        if (strcmp(with->ctename, entry->ctename) != 0) continue;
        if (with->cterecursive || entry->self_reference) return;
        ++tree->copies;
        scope->subqueries[i] = add_scope(tree, static_cast<Query*>(copyObjectImpl(with->ctequery)),
                                         definer, {scope, nullptr, i}, definer->frame);
        --tree->copies;
        return;
    }
}

// What an entry is made of, other than tables.
void read_entry(LoaderTree* tree, Scope* scope, int i, RangeTblEntry* entry) {
    const Position here = {scope, nullptr, i};
    walk_at(tree, scope, here, entry->securityQuals);
    ListCell* cell;
    switch (entry->rtekind) {
        case RTE_RELATION:
            if (entry->tablesample != nullptr) {
                walk_at(tree, scope, here, entry->tablesample->args);
                walk_at(tree, scope, here, entry->tablesample->repeatable);
                if (!is_plain_function(entry->tablesample->tsmhandler)) {
                    give_up(tree, "it samples by a method that may read tables");
                }
            }
            break;
        case RTE_SUBQUERY:
            scope->subqueries[i] = add_scope(tree, entry->subquery, scope, here, scope->frame);
            break;
        case RTE_FUNCTION:
            foreach (cell, entry->functions) {
                const auto* function = static_cast<RangeTblFunction*>(lfirst(cell));
                walk_at(tree, scope, here, function->funcexpr);
                ListCell* type;
                foreach (type, function->funccoltypes) {
                    if (!is_plain_type(lfirst_oid(type))) {
                        give_up(tree, "it has a type that may run functions");
                    }
                }
            }
            break;
        case RTE_VALUES:
            foreach (cell, entry->values_lists) walk_at(tree, scope, here, lfirst(cell));
            break;
        case RTE_CTE:
            read_with(tree, scope, i, entry);
            break;
        case RTE_JOIN:
        case RTE_RESULT:
            break;
        default:
            if (group_expressions(entry) != nullptr) {
                walk_at(tree, scope, {scope, nullptr, 0},
                        const_cast<List*>(group_expressions(entry)));
            } else {
                give_up(tree, "it reads rows of a kind that is not understood");
            }
            break;
    }
}

// `kept`: nothing above can turn rows of this part into missing ones. Returns its entries.
Bitmapset* read_joins(LoaderTree* tree, Scope* scope, Node* node, bool kept) {
    if (node == nullptr) return nullptr;
    if (IsA(node, RangeTblRef)) {
        return bms_make_singleton(reinterpret_cast<RangeTblRef*>(node)->rtindex);
    }
    if (IsA(node, FromExpr)) {
        auto* from = reinterpret_cast<FromExpr*>(node);
        Bitmapset* all = nullptr;
        ListCell* cell;
        foreach (cell, from->fromlist) {
            all = bms_add_members(all,
                                  read_joins(tree, scope, static_cast<Node*>(lfirst(cell)), kept));
        }
        if (node != reinterpret_cast<Node*>(scope->query->jointree)) {
            give_up(tree, "its joins are not understood");
        }
        return all;
    }
    if (!IsA(node, JoinExpr)) {
        give_up(tree, "its joins are not understood");
        return nullptr;
    }
    auto* expression = reinterpret_cast<JoinExpr*>(node);
    const JoinType type = expression->jointype;
    const bool left_kept = kept && (type == JOIN_INNER || type == JOIN_LEFT);
    const bool right_kept = kept && (type == JOIN_INNER || type == JOIN_RIGHT);
    Bitmapset* left = read_joins(tree, scope, expression->larg, left_kept);
    Bitmapset* right = read_joins(tree, scope, expression->rarg, right_kept);
    auto* join = make<Join>();
    join->quals = expression->quals;
    switch (type) {
        case JOIN_INNER:
            join->sides = bms_union(left, right);
            join->always = kept;
            break;
        case JOIN_LEFT:
            join->sides = right;
            break;
        case JOIN_RIGHT:
            join->sides = left;
            break;
        case JOIN_FULL:
            join->sides = left;
            join->other = right;
            break;
        default:
            give_up(tree, "its joins are not understood");
            break;
    }
    scope->joins = lappend(scope->joins, join);
    walk_at(tree, scope, {scope, join, 0}, join->quals);
    Bitmapset* all = bms_union(left, right);
    return expression->rtindex != 0 ? bms_add_member(all, expression->rtindex) : all;
}

// May what is asked of a row of it be asked of the rows that it is made of?
// DISTINCT keeps one row of those that are equal. Are they the same?
bool are_same_if_equal(const Query* q) {
    ListCell* cell;
    foreach (cell, q->distinctClause) {
        const auto* target =
            get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), q->targetList);
        const Oid collation = exprCollation(reinterpret_cast<Node*>(target->expr));
        if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) return false;
    }
    return true;
}

void find_transparency(Scope* scope) {
    const Query* q = scope->query;
    scope->grouped = q->groupClause != NIL;
    scope->transparent = q->setOperations == nullptr && !q->hasWindowFuncs && !q->hasTargetSRFs &&
                         !q->hasDistinctOn && are_same_if_equal(q) && q->groupingSets == NIL &&
                         q->limitCount == nullptr && q->limitOffset == nullptr &&
                         (scope->grouped || (!q->hasAggs && q->havingQual == nullptr));
}

bool are_plain_set_operations(Node* node) {
    if (node == nullptr || !IsA(node, SetOperationStmt)) return true;
    auto* operation = reinterpret_cast<SetOperationStmt*>(node);
    return are_plain_sort_clauses(operation->groupClauses) &&
           are_plain_set_operations(operation->larg) && are_plain_set_operations(operation->rarg);
}

bool is_plain_select(const Query* q) {
    if (q->commandType != CMD_SELECT || q->hasModifyingCTE || q->rowMarks != NIL) return false;
    ListCell* cell;
    foreach (cell, q->windowClause) {
        const auto* window = lfirst_node(WindowClause, cell);
        if (!are_plain_sort_clauses(window->partitionClause) ||
            !are_plain_sort_clauses(window->orderClause) ||
            (OidIsValid(window->startInRangeFunc) &&
             !is_plain_function(window->startInRangeFunc)) ||
            (OidIsValid(window->endInRangeFunc) && !is_plain_function(window->endInRangeFunc))) {
            return false;
        }
    }
    return are_plain_sort_clauses(q->sortClause) && are_plain_sort_clauses(q->groupClause) &&
           are_plain_sort_clauses(q->distinctClause) && are_plain_set_operations(q->setOperations);
}

// Aggregates without groups give a row where no combination is.
bool gives_row_anyway(const Query* q) {
    return q->groupingSets != NIL ||
           (q->groupClause == NIL && (q->hasAggs || q->havingQual != nullptr));
}

void read_scope(LoaderTree* tree, Scope* scope) {
    Query* q = scope->query;
    const Position everywhere = {scope, nullptr, 0};
    const Position nowhere = {nullptr, nullptr, 0};
    find_transparency(scope);
    for (int i = 1; i <= list_length(q->rtable); ++i) {
        const RangeTblEntry* entry = rt_fetch(i, q->rtable);
        if (entry->rtekind == RTE_RELATION) add_mention(tree, scope, i, entry);
    }
    ListCell* cell;
    // Computed by itself, whoever uses which of its rows.
    foreach (cell, q->cteList) {
        auto* with = lfirst_node(CommonTableExpr, cell);
        add_scope(tree, reinterpret_cast<Query*>(with->ctequery), scope, nowhere, scope->frame);
    }
    for (int i = 1; i <= list_length(q->rtable); ++i) {
        read_entry(tree, scope, i, rt_fetch(i, q->rtable));
    }
    scope->quals = q->jointree->quals;
    read_joins(tree, scope, reinterpret_cast<Node*>(q->jointree), true);
    walk_at(tree, scope, everywhere, scope->quals);
    const Position result = gives_row_anyway(q) ? scope->position : everywhere;
    walk_at(tree, scope, result, q->targetList);
    walk_at(tree, scope, result, q->havingQual);
    walk_at(tree, scope, nowhere, q->limitOffset);
    walk_at(tree, scope, nowhere, q->limitCount);
    foreach (cell, q->windowClause) {
        walk_at(tree, scope, nowhere, lfirst_node(WindowClause, cell)->startOffset);
        walk_at(tree, scope, nowhere, lfirst_node(WindowClause, cell)->endOffset);
    }
}

Scope* add_scope(LoaderTree* tree, Query* query, Scope* outer, Position position,
                 const Frame* frame) {
    auto* scope = make<Scope>();
    scope->query = query;
    scope->outer = outer;
    scope->position = position;
    scope->frame = frame;
    scope->subqueries = make_array<Scope*>(static_cast<size_t>(list_length(query->rtable)) + 1);
    tree->scopes = lappend(tree->scopes, scope);
    if (!IsA(query, Query) || !is_plain_select(query)) {
        give_up(tree, "it does something else than to select");
    } else if (tree->depth >= kDeepest || list_length(tree->scopes) > kMostScopes) {
        give_up(tree, "it is made of too many queries");
    }
    if (tree->unseen != nullptr) return scope;
    ++tree->depth;
    read_scope(tree, scope);
    --tree->depth;
    return scope;
}

}  // namespace

LoaderTree* read_loader_tree(Oid loader) {
    auto* tree = make<LoaderTree>();
    List* queries = queries_of(loader, nullptr, &tree->has_settings);
    if (queries == NIL) {
        give_up(tree,
                "it is no function in SQL or PL/pgSQL that only selects, by statements that can be "
                "read beforehand");
        return tree;
    }
    const auto* frame = make<Frame>();
    ListCell* cell;
    foreach (cell, queries) {
        add_scope(tree, lfirst_node(Query, cell), nullptr, {nullptr, nullptr, 0}, frame);
    }
    return tree;
}

Scope* scope_of(const LoaderTree* tree, const SubLink* link) {
    ListCell* cell;
    foreach (cell, tree->sublinks) {
        auto* known = static_cast<SubLinkScope*>(lfirst(cell));
        if (known->link == link) return known->scope;
    }
    return nullptr;
}

}  // namespace cache_ext::pg
