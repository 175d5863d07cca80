#include "pg/load/loader_equalities.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/keys.hpp"
#include "pg/catalog/key_types.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {

// Of a WHERE or an ON: two columns are equal, or in order, or the subquery has a row.
struct Condition {
    int left;
    int right;
    Scope* exists;  // nullptr: one of the former
    const Order* order;
};

namespace {

constexpr int kDeepestReference = 100;

// Types whose values are equal by the server's = exactly if they are the same value; 0: none. Of
// one family are those that = compares without loss.
Oid family_of(Oid type) {
    type = getBaseType(type);
    switch (type) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
            return INT8OID;
        case TEXTOID:
        case VARCHAROID:
            return TEXTOID;
        case NUMERICOID:
            return type;
        default:
            return key_type_supported(type) ? type : InvalidOid;
    }
}

bool is_widening(Oid function) {
    return function == F_INT4_INT2 || function == F_INT8_INT2 || function == F_INT8_INT4;
}

// The expression whose value it is, whatever it is called or how it is compared.
Node* without_casts(Node* node) {
    for (;;) {
        Node* inner;
        if (IsA(node, RelabelType)) {
            inner = reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg);
        } else if (IsA(node, CollateExpr)) {
            inner = reinterpret_cast<Node*>(reinterpret_cast<CollateExpr*>(node)->arg);
        } else if (IsA(node, FuncExpr) && is_widening(reinterpret_cast<FuncExpr*>(node)->funcid)) {
            inner = static_cast<Node*>(linitial(reinterpret_cast<FuncExpr*>(node)->args));
        } else {
            return node;
        }
        const Oid family = family_of(exprType(inner));
        if (!OidIsValid(family) || family != family_of(exprType(node))) return node;
        node = inner;
    }
}

int number_of(Equalities* e, const Column& column) {
    for (int i = 0; i < list_length(e->columns); ++i) {
        const Column* c = column_at(e, i);
        if (c->scope == column.scope && c->entry == column.entry && c->number == column.number) {
            return i;
        }
    }
    auto* added = make<Column>();
    *added = column;
    e->columns = lappend(e->columns, added);
    return list_length(e->columns) - 1;
}

int resolve(Equalities* e, Scope* scope, Node* node, int depth);

bool is_equality(Oid operation, Oid collation) {
    return operation < FirstNormalObjectId && get_mergejoin_opfamilies(operation) != NIL &&
           (!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

// Of rows that agree in it, if equal is the same.
bool is_grouped_by(const Query* query, const TargetEntry* target) {
    ListCell* cell;
    foreach (cell, query->groupClause) {
        const auto* clause = lfirst_node(SortGroupClause, cell);
        if (clause->tleSortGroupRef != target->ressortgroupref) continue;
        return is_equality(clause->eqop, exprCollation(reinterpret_cast<Node*>(target->expr)));
    }
    return false;
}

// A column of what a transparent scope returns.
int resolve_target(Equalities* e, Scope* scope, int number, int depth) {
    ListCell* cell;
    foreach (cell, scope->query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (target->resno != number || target->resjunk) continue;
        if (scope->grouped && !is_grouped_by(scope->query, target)) return -1;
        return resolve(e, scope, reinterpret_cast<Node*>(target->expr), depth + 1);
    }
    return -1;
}

int resolve_var(Equalities* e, Scope* scope, const Var* var, int depth) {
    for (Index i = 0; i < var->varlevelsup && scope != nullptr; ++i) scope = scope->outer;
    if (scope == nullptr || var->varattno <= 0) return -1;
    const RangeTblEntry* entry = rt_fetch(var->varno, scope->query->rtable);
    if (entry->rtekind == RTE_JOIN) {
        auto* alias = static_cast<Node*>(list_nth(entry->joinaliasvars, var->varattno - 1));
        return alias != nullptr ? resolve(e, scope, alias, depth + 1) : -1;
    }
    if (const List* grouped = group_expressions(entry)) {
        return resolve(e, scope, static_cast<Node*>(list_nth(grouped, var->varattno - 1)),
                       depth + 1);
    }
    Scope* subquery = scope->subqueries[var->varno];
    if (subquery != nullptr && subquery->transparent) {
        return resolve_target(e, subquery, var->varattno, depth);
    }
    return number_of(e, {scope, static_cast<int>(var->varno), var->varattno,
                         getBaseType(var->vartype), var->varcollid});
}

int resolve_param(Equalities* e, const Scope* scope, const Param* param, int depth) {
    if (param->paramkind != PARAM_EXTERN || param->paramid <= 0) return -1;
    const Frame* frame = scope->frame;
    if (frame->caller == nullptr) {
        return number_of(e,
                         {nullptr, param->paramid, 0, getBaseType(param->paramtype), InvalidOid});
    }
    ListCell* cell;
    foreach (cell, frame->arguments) {
        if (IsA(lfirst(cell), NamedArgExpr)) return -1;
    }
    if (param->paramid > list_length(frame->arguments)) return -1;  // a default
    return resolve(e, frame->caller,
                   static_cast<Node*>(list_nth(frame->arguments, param->paramid - 1)), depth + 1);
}

// The column or argument whose value the expression is, by its number; -1: none.
int resolve(Equalities* e, Scope* scope, Node* node, int depth) {
    if (depth > kDeepestReference) return -1;
    node = without_casts(node);
    if (IsA(node, Var)) return resolve_var(e, scope, reinterpret_cast<Var*>(node), depth);
    if (IsA(node, Param)) return resolve_param(e, scope, reinterpret_cast<Param*>(node), depth);
    return -1;
}

// Of two collations a query would have to be told which one counts.
bool are_comparable(const Column* a, const Column* b) {
    const Oid family = family_of(a->type);
    const bool same_collation = a->scope == nullptr || b->scope == nullptr ||
                                !OidIsValid(a->collation) || !OidIsValid(b->collation) ||
                                a->collation == b->collation;
    return OidIsValid(family) && family == family_of(b->type) && same_collation;
}

void add_equality(Equalities* e, List** conditions, int left, int right) {
    if (left < 0 || right < 0 || !are_comparable(column_at(e, left), column_at(e, right))) return;
    auto* condition = make<Condition>();
    *condition = {left, right, nullptr, nullptr};
    *conditions = lappend(*conditions, condition);
}

// <, <=, > and >= of the server's own ordered types. Whether these are instants of one kind is for
// who uses them to see.
void add_order(Equalities* e, List** conditions, Scope* scope, const OpExpr* op) {
    if (op->opno >= FirstNormalObjectId || list_length(op->args) != 2) return;
    auto* first = static_cast<Node*>(linitial(op->args));
    const int strategy = get_op_opfamily_strategy(
        op->opno, lookup_type_cache(exprType(first), TYPECACHE_BTREE_OPFAMILY)->btree_opf);
    const bool less = strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber;
    const bool greater =
        strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
    if (!less && !greater) return;
    const int left = resolve(e, scope, first, 0);
    const int right = resolve(e, scope, static_cast<Node*>(lsecond(op->args)), 0);
    if (left < 0 || right < 0) return;
    auto* order = make<Order>();
    order->smaller = less ? left : right;
    order->greater = less ? right : left;
    order->or_equal =
        strategy == BTLessEqualStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
    auto* condition = make<Condition>();
    *condition = {left, right, nullptr, order};
    *conditions = lappend(*conditions, condition);
}

// x IN (SELECT ...): of each column that is compared.
void add_membership(Equalities* e, List** conditions, Scope* scope, Scope* subquery, Node* test) {
    if (test == nullptr) return;
    if (IsA(test, BoolExpr) && reinterpret_cast<BoolExpr*>(test)->boolop == AND_EXPR) {
        ListCell* cell;
        foreach (cell, reinterpret_cast<BoolExpr*>(test)->args) {
            add_membership(e, conditions, scope, subquery, static_cast<Node*>(lfirst(cell)));
        }
        return;
    }
    if (!IsA(test, OpExpr)) return;
    auto* op = reinterpret_cast<OpExpr*>(test);
    if (list_length(op->args) != 2 || !is_equality(op->opno, op->inputcollid)) return;
    Node* right = without_casts(static_cast<Node*>(lsecond(op->args)));
    if (!IsA(right, Param) || reinterpret_cast<Param*>(right)->paramkind != PARAM_SUBLINK) return;
    add_equality(e, conditions, resolve(e, scope, static_cast<Node*>(linitial(op->args)), 0),
                 resolve_target(e, subquery, reinterpret_cast<Param*>(right)->paramid, 0));
}

void add_sublink(Equalities* e, List** conditions, Scope* scope, SubLink* link) {
    Scope* subquery = scope_of(e->tree, link);
    const bool there_is = link->subLinkType == EXISTS_SUBLINK || link->subLinkType == ANY_SUBLINK;
    if (!there_is || subquery == nullptr || !subquery->transparent) return;
    auto* condition = make<Condition>();
    *condition = {-1, -1, subquery, nullptr};
    *conditions = lappend(*conditions, condition);
    if (link->subLinkType == ANY_SUBLINK) {
        add_membership(e, conditions, scope, subquery, link->testexpr);
    }
}

// = ANY (ARRAY[one]).
Node* only_element(Node* node) {
    if (!IsA(node, ArrayExpr)) return nullptr;
    auto* array = reinterpret_cast<ArrayExpr*>(node);
    if (array->multidims || list_length(array->elements) != 1) return nullptr;
    return static_cast<Node*>(linitial(array->elements));
}

// Of what is connected by AND.
void add_conditions(Equalities* e, List** conditions, Scope* scope, Node* node) {
    if (node == nullptr) return;
    if (IsA(node, BoolExpr)) {
        if (reinterpret_cast<BoolExpr*>(node)->boolop != AND_EXPR) return;
        ListCell* cell;
        foreach (cell, reinterpret_cast<BoolExpr*>(node)->args) {
            add_conditions(e, conditions, scope, static_cast<Node*>(lfirst(cell)));
        }
    } else if (IsA(node, SubLink)) {
        add_sublink(e, conditions, scope, reinterpret_cast<SubLink*>(node));
    } else if (IsA(node, OpExpr)) {
        auto* op = reinterpret_cast<OpExpr*>(node);
        if (list_length(op->args) != 2 || !is_equality(op->opno, op->inputcollid)) {
            add_order(e, conditions, scope, op);
            return;
        }
        add_equality(e, conditions, resolve(e, scope, static_cast<Node*>(linitial(op->args)), 0),
                     resolve(e, scope, static_cast<Node*>(lsecond(op->args)), 0));
    } else if (IsA(node, ScalarArrayOpExpr)) {
        auto* op = reinterpret_cast<ScalarArrayOpExpr*>(node);
        Node* element = only_element(static_cast<Node*>(lsecond(op->args)));
        if (!op->useOr || element == nullptr || !is_equality(op->opno, op->inputcollid)) return;
        add_equality(e, conditions, resolve(e, scope, static_cast<Node*>(linitial(op->args)), 0),
                     resolve(e, scope, element, 0));
    }
}

// A row of the entry is there; if the scope is a subquery's, so is one of that.
void note_present(Scope* scope, int entry) {
    while (scope != nullptr) {
        scope->present = bms_add_member(scope->present, entry);
        Scope* around = scope->position.scope;
        entry = scope->position.entry;
        if (around == nullptr || entry == 0 || around->subqueries[entry] != scope) return;
        scope = around;
    }
}

void note_compared(Equalities* e, const Condition* condition) {
    for (const int i : {condition->left, condition->right}) {
        const Column* column = column_at(e, i);
        if (column->scope != nullptr) note_present(column->scope, column->entry);
    }
    if (condition->order != nullptr) {
        e->orders = lappend(e->orders, const_cast<Order*>(condition->order));
    } else {
        e->equal[class_of(e, condition->left)] = class_of(e, condition->right);
    }
}

void activate(Equalities* e, Scope* scope);

void apply(Equalities* e, List* conditions) {
    ListCell* cell;
    foreach (cell, conditions) {
        const auto* condition = static_cast<Condition*>(lfirst(cell));
        if (condition->exists != nullptr) {
            activate(e, condition->exists);
        } else {
            note_compared(e, condition);
        }
    }
}

void activate(Equalities* e, Scope* scope) {
    if (scope->active) return;
    scope->active = true;
    apply(e, scope->conditions);
}

void let_hold(Equalities* e, Join* join) {
    if (join->holds) return;
    join->holds = true;
    apply(e, join->conditions);
}

// What follows for the scope from what is there. False: nothing new.
bool follow(Equalities* e, Scope* scope) {
    bool any = false;
    ListCell* cell;
    foreach (cell, scope->joins) {
        auto* join = static_cast<Join*>(lfirst(cell));
        if (join->holds) continue;
        const bool there = bms_overlap(join->sides, scope->present) &&
                           (join->other == nullptr || bms_overlap(join->other, scope->present));
        if (!join->always && !there) continue;
        let_hold(e, join);
        any = true;
    }
    for (int i = -1; (i = bms_next_member(scope->present, i)) >= 0;) {
        Scope* subquery = scope->subqueries[i];
        if (subquery == nullptr || !subquery->transparent || subquery->active) continue;
        activate(e, subquery);
        any = true;
    }
    return any;
}

void begin_closure(Equalities* e) {
    ListCell* cell;
    foreach (cell, e->tree->scopes) {
        auto* scope = static_cast<Scope*>(lfirst(cell));
        scope->active = false;
        scope->present = nullptr;
        ListCell* j;
        foreach (j, scope->joins) static_cast<Join*>(lfirst(j))->holds = false;
    }
    for (int i = 0; i < list_length(e->columns); ++i) e->equal[i] = i;
    e->orders = NIL;
}

}  // namespace

Equalities* read_equalities(const LoaderTree* tree) {
    auto* e = make<Equalities>();
    e->tree = tree;
    ListCell* cell;
    foreach (cell, tree->scopes) {
        auto* scope = static_cast<Scope*>(lfirst(cell));
        add_conditions(e, &scope->conditions, scope, scope->quals);
        ListCell* j;
        foreach (j, scope->joins) {
            auto* join = static_cast<Join*>(lfirst(j));
            add_conditions(e, &join->conditions, scope, join->quals);
        }
    }
    e->equal = make_array<int>(static_cast<size_t>(list_length(e->columns)));
    return e;
}

void close_over(Equalities* e, const Mention* mention) {
    begin_closure(e);
    note_present(mention->scope, mention->entry);
    for (Scope* scope = mention->scope; scope != nullptr; scope = scope->position.scope) {
        activate(e, scope);
        const Position& at = scope->position;
        if (at.scope == nullptr) break;
        if (at.entry != 0) note_present(at.scope, at.entry);
        if (at.join != nullptr) let_hold(e, at.join);
    }
    for (bool any = true; any;) {
        any = false;
        ListCell* cell;
        foreach (cell, e->tree->scopes) {
            auto* scope = static_cast<Scope*>(lfirst(cell));
            if (scope->active) any = follow(e, scope) || any;
        }
    }
}

int class_of(const Equalities* e, int column) {
    while (e->equal[column] != column) column = e->equal[column];
    return column;
}

int column_of_argument(const Equalities* e, int argument) {
    for (int i = 0; i < list_length(e->columns); ++i) {
        const Column* column = column_at(e, i);
        if (column->scope == nullptr && column->entry == argument) return i;
    }
    return -1;
}

}  // namespace cache_ext::pg
