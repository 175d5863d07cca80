#include "pg/write/query_meaning.hpp"

#include "pg/base/compat.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "nodes/nodeFuncs.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parse_param.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

object_access_hook_type previous_object_access = nullptr;
post_parse_analyze_hook_type previous_analyzed = nullptr;

// The analysis at hand; nullptr: none is to be made.
struct Analysis {
    const char* text;
    int64 expected;
    uint64 found;
};
Analysis* at_hand = nullptr;

[[noreturn]] void means_something_else() {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("a key query does not mean any more what it did when it was declared"),
                    errhint("Declare it again, see the check \"dependencies\" of cache_health.")));
    pg_unreachable();
}

void add(uint64* hash, uint64 value) {
    *hash = hash_combine64(*hash, value);
}

void add_text(uint64* hash, const char* text) {
    const char* bytes = text != nullptr ? text : "";
    add(hash, hash_bytes_extended(reinterpret_cast<const uint8*>(bytes),
                                  static_cast<int>(strlen(bytes)), 0));
}

// One that its owner, or whoever may act as him, makes anew is as good; nobody else's is.
void add_relation(uint64* hash, Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) means_something_else();
    const auto* form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    add_text(hash, get_namespace_name(form->relnamespace));
    add_text(hash, NameStr(form->relname));
    const Oid owner = form->relowner;
    ReleaseSysCache(tuple);
    add(hash, has_privs_of_role(owner, GetUserId()) ? InvalidOid : owner);
}

// A row type is that of its relation.
void add_type(uint64* hash, Oid type) {
    const Oid relation = get_typ_typrelid(type);
    if (OidIsValid(relation)) {
        add_relation(hash, relation);
    } else {
        add(hash, type);
    }
}

// Those of initdb have other numbers in each cluster.
void add_collation(uint64* hash, Oid collation) {
    if (collation >= FirstGenbkiObjectId && collation < FirstNormalObjectId) {
        add_text(hash, get_collation_name(collation));
    } else {
        add(hash, collation);
    }
}

bool has_type(const Node* node) {
    switch (nodeTag(node)) {
        case T_Var:
        case T_Const:
        case T_Param:
        case T_Aggref:
        case T_GroupingFunc:
        case T_WindowFunc:
        case T_SubscriptingRef:
        case T_FuncExpr:
        case T_NamedArgExpr:
        case T_OpExpr:
        case T_DistinctExpr:
        case T_NullIfExpr:
        case T_ScalarArrayOpExpr:
        case T_BoolExpr:
        case T_SubLink:
        case T_FieldSelect:
        case T_FieldStore:
        case T_RelabelType:
        case T_CoerceViaIO:
        case T_ArrayCoerceExpr:
        case T_ConvertRowtypeExpr:
        case T_CollateExpr:
        case T_CaseExpr:
        case T_CaseTestExpr:
        case T_ArrayExpr:
        case T_RowExpr:
        case T_RowCompareExpr:
        case T_CoalesceExpr:
        case T_MinMaxExpr:
        case T_SQLValueFunction:
        case T_XmlExpr:
        case T_NullTest:
        case T_BooleanTest:
        case T_CoerceToDomain:
        case T_SetToDefault:
            return true;
        default:
            return is_json_expression(node);
    }
}

bool add_function(Oid function, void* hash) {
    add(static_cast<uint64*>(hash), function);
    return false;
}

void add_value(uint64* hash, const Const* constant) {
    if (constant->constisnull) return;
    add(hash, datum_image_hash(constant->constvalue, constant->constbyval, constant->constlen));
}

void add_all(uint64* hash, List* oids) {
    ListCell* cell;
    foreach (cell, oids) add(hash, lfirst_oid(cell));
}

// What stands for a name, or follows from what does, where it is not a function.
void add_named(uint64* hash, Node* node) {
    switch (nodeTag(node)) {
        case T_RangeTblEntry: {
            const auto* entry = reinterpret_cast<RangeTblEntry*>(node);
            if (entry->rtekind == RTE_RELATION) add_relation(hash, entry->relid);
            add_all(hash, entry->coltypes);
            break;
        }
        case T_RangeTblFunction:
            add_all(hash, reinterpret_cast<RangeTblFunction*>(node)->funccoltypes);
            break;
        case T_TableFunc:
            add_all(hash, reinterpret_cast<TableFunc*>(node)->coltypes);
            break;
        case T_TableSampleClause:
            add(hash, reinterpret_cast<TableSampleClause*>(node)->tsmhandler);
            break;
        case T_OpExpr:
        case T_DistinctExpr:
        case T_NullIfExpr:
            add(hash, reinterpret_cast<OpExpr*>(node)->opno);
            break;
        case T_ScalarArrayOpExpr:
            add(hash, reinterpret_cast<ScalarArrayOpExpr*>(node)->opno);
            break;
        case T_RowCompareExpr:
            add_all(hash, reinterpret_cast<RowCompareExpr*>(node)->opnos);
            break;
        case T_CollateExpr:
            add_collation(hash, reinterpret_cast<CollateExpr*>(node)->collOid);
            break;
        case T_SortGroupClause:
            add(hash, reinterpret_cast<SortGroupClause*>(node)->eqop);
            add(hash, reinterpret_cast<SortGroupClause*>(node)->sortop);
            break;
        case T_Const:
            add_value(hash, reinterpret_cast<Const*>(node));
            break;
        default:
            break;
    }
}

bool walk(Node* node, void* context) {
    if (node == nullptr) return false;
    auto* hash = static_cast<uint64*>(context);
    check_functions_in_node(node, add_function, context);
    add_named(hash, node);
    if (has_type(node)) {
        add_type(hash, exprType(node));
        add_collation(hash, exprCollation(node));
        add_collation(hash, exprInputCollation(node));
    }
    if (IsA(node, RangeTblEntry)) return false;  // its parts come by themselves
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), tree_walker(walk), context,
                                 QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP);
    }
    return expression_tree_walker(node, tree_walker(walk), context);
}

template <class Jumble>
void analyzed(ParseState* state, Query* query, Jumble jumble) {
    if (previous_analyzed != nullptr) previous_analyzed(state, query, jumble);
    if (at_hand == nullptr || strcmp(state->p_sourcetext, at_hand->text) != 0) return;
    walk(reinterpret_cast<Node*>(query), &at_hand->found);
    if (at_hand->found == 0) at_hand->found = 1;
    if (at_hand->expected != 0 && static_cast<int64>(at_hand->found) != at_hand->expected) {
        means_something_else();
    }
}

// Called when an expression that calls the function is made ready.
void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_object_access != nullptr) {
        previous_object_access(access, class_id, object_id, sub_id, argument);
    }
    if (access != OAT_FUNCTION_EXECUTE || at_hand == nullptr) return;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("a literal of a key query is of a domain that has checks"),
                    errhint("Name its base type in the query.")));
}

// Called when an analysis begins. Its argument is the type of the row.
void begin_analysis(ParseState* state, void* row_type) {
    if (at_hand == nullptr || strcmp(state->p_sourcetext, at_hand->text) != 0) {
        means_something_else();
    }
    auto* types = static_cast<Oid*>(palloc(sizeof(Oid)));
    *types = static_cast<Oid>(reinterpret_cast<uintptr_t>(row_type));
    setup_parse_fixed_parameters(state, types, 1);
}

}  // namespace

MeantQuery prepare_meant(const char* text, Oid row_type, int64 expected) {
    Analysis analysis = {text, expected, 0};
    Analysis* outer = at_hand;
    SPIPlanPtr plan = nullptr;
    at_hand = &analysis;
    PG_TRY();
    {
        plan = SPI_prepare_params(text, begin_analysis,
                                  reinterpret_cast<void*>(static_cast<uintptr_t>(row_type)), 0);
    }
    PG_FINALLY();
    { at_hand = outer; }
    PG_END_TRY();
    if (plan == nullptr) elog(ERROR, "SPI_prepare: %s", SPI_result_code_string(SPI_result));
    return {plan, static_cast<int64>(analysis.found)};
}

int run_meant(SPIPlanPtr plan, Oid row_type, Datum row) {
    ParamListInfo parameters = makeParamList(1);
    parameters->params[0] = {row, false, PARAM_FLAG_CONST, row_type};
    return SPI_execute_plan_with_paramlist(plan, parameters, true, 0);
}

void install_query_meaning() {
    previous_object_access = object_access_hook;
    object_access_hook = object_access;
    previous_analyzed = post_parse_analyze_hook;
    post_parse_analyze_hook = analyzed;
}

}  // namespace cache_ext::pg
