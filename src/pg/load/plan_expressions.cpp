#include "pg/load/plan_expressions.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace cache_ext::pg {
namespace {

struct PlanWalk {
    bool (*walk)(Node*, void*);
    void* context;

    bool one(void* expression) const {
        return expression != nullptr && walk(static_cast<Node*>(expression), context);
    }
    bool all(List* expressions) const { return one(expressions); }
};

template <class T>
const T* as(const Plan* plan) {
    return reinterpret_cast<const T*>(plan);
}

bool walk_node(const PlanWalk& w, const Plan* plan);

bool walk_nodes(const PlanWalk& w, const List* plans) {
    ListCell* cell;
    foreach (cell, plans) {
        if (walk_node(w, static_cast<const Plan*>(lfirst(cell)))) return true;
    }
    return false;
}

// What a kind of node has of its own.
bool walk_scan(const PlanWalk& w, const Plan* plan) {
    switch (nodeTag(plan)) {
        case T_SampleScan:
            return w.one(as<SampleScan>(plan)->tablesample);
        case T_IndexScan:
            return w.all(as<IndexScan>(plan)->indexqual) ||
                   w.all(as<IndexScan>(plan)->indexqualorig) ||
                   w.all(as<IndexScan>(plan)->indexorderby) ||
                   w.all(as<IndexScan>(plan)->indexorderbyorig);
        case T_IndexOnlyScan:
            return w.all(as<IndexOnlyScan>(plan)->indexqual) ||
                   w.all(as<IndexOnlyScan>(plan)->recheckqual) ||
                   w.all(as<IndexOnlyScan>(plan)->indexorderby);
        case T_BitmapIndexScan:
            return w.all(as<BitmapIndexScan>(plan)->indexqual) ||
                   w.all(as<BitmapIndexScan>(plan)->indexqualorig);
        case T_BitmapHeapScan:
            return w.all(as<BitmapHeapScan>(plan)->bitmapqualorig);
        case T_TidScan:
            return w.all(as<TidScan>(plan)->tidquals);
        case T_TidRangeScan:
            return w.all(as<TidRangeScan>(plan)->tidrangequals);
        case T_SubqueryScan:
            return walk_node(w, as<SubqueryScan>(plan)->subplan);
        case T_FunctionScan:
            return w.all(as<FunctionScan>(plan)->functions);
        case T_ValuesScan:
            return w.all(as<ValuesScan>(plan)->values_lists);
        case T_TableFuncScan:
            return w.one(as<TableFuncScan>(plan)->tablefunc);
        case T_ForeignScan:
            return w.all(as<ForeignScan>(plan)->fdw_exprs) ||
                   w.all(as<ForeignScan>(plan)->fdw_recheck_quals);
        case T_CustomScan:
            return w.all(as<CustomScan>(plan)->custom_exprs) ||
                   walk_nodes(w, as<CustomScan>(plan)->custom_plans);
        case T_SeqScan:
        case T_CteScan:
        case T_NamedTuplestoreScan:
        case T_WorkTableScan:
            return false;
        default:
            return true;
    }
}

bool walk_own(const PlanWalk& w, const Plan* plan) {
    switch (nodeTag(plan)) {
        case T_Result:
            return w.one(as<Result>(plan)->resconstantqual);
        case T_Append:
            return walk_nodes(w, as<Append>(plan)->appendplans);
        case T_MergeAppend:
            return walk_nodes(w, as<MergeAppend>(plan)->mergeplans);
        case T_BitmapAnd:
            return walk_nodes(w, as<BitmapAnd>(plan)->bitmapplans);
        case T_BitmapOr:
            return walk_nodes(w, as<BitmapOr>(plan)->bitmapplans);
        case T_NestLoop:
            return w.all(as<Join>(plan)->joinqual);
        case T_MergeJoin:
            return w.all(as<Join>(plan)->joinqual) || w.all(as<MergeJoin>(plan)->mergeclauses);
        case T_HashJoin:
            return w.all(as<Join>(plan)->joinqual) || w.all(as<HashJoin>(plan)->hashclauses) ||
                   w.all(as<HashJoin>(plan)->hashkeys);
        case T_Hash:
            return w.all(as<Hash>(plan)->hashkeys);
        case T_Memoize:
            return w.all(as<Memoize>(plan)->param_exprs);
        case T_WindowAgg:
            return w.one(as<WindowAgg>(plan)->startOffset) ||
                   w.one(as<WindowAgg>(plan)->endOffset) ||
                   w.all(as<WindowAgg>(plan)->runCondition);
        case T_Limit:
            return w.one(as<Limit>(plan)->limitOffset) || w.one(as<Limit>(plan)->limitCount);
        case T_ProjectSet:
        case T_RecursiveUnion:
        case T_Material:
        case T_Sort:
        case T_IncrementalSort:
        case T_Group:
        case T_Agg:
        case T_Unique:
        case T_Gather:
        case T_GatherMerge:
        case T_SetOp:
        case T_LockRows:
            return false;
        default:
            return walk_scan(w, plan);
    }
}

bool walk_node(const PlanWalk& w, const Plan* plan) {
    if (plan == nullptr) return false;
    check_stack_depth();
    return w.all(plan->targetlist) || w.all(plan->qual) || w.all(plan->initPlan) ||
           walk_own(w, plan) || walk_node(w, plan->lefttree) || walk_node(w, plan->righttree);
}

}  // namespace

bool walk_plan(const PlannedStmt* statement, bool (*walk)(Node*, void*), void* context) {
    const PlanWalk w = {walk, context};
    return walk_node(w, statement->planTree) || walk_nodes(w, statement->subplans);
}

}  // namespace cache_ext::pg
