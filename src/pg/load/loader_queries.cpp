#include "pg/load/loader_queries.hpp"

#include "pg/load/plpgsql_queries.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/functions.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// Settings of its own may make other sense of its text, and of the rows that it may see.
bool is_plain(HeapTuple tuple) {
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    bool has_no_settings;
    SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &has_no_settings);
    return form->prokind == PROKIND_FUNCTION && has_no_settings &&
           (!form->prosecdef || form->proowner == GetUserId());
}

// BEGIN ATOMIC and RETURN: what the catalog keeps was analysed when the function was made.
List* queries_of_parsed_body(Datum body) {
    auto* tree = static_cast<Node*>(stringToNode(TextDatumGetCString(body)));
    List* stored =
        IsA(tree, List) ? linitial_node(List, reinterpret_cast<List*>(tree)) : list_make1(tree);
    List* all = NIL;
    ListCell* cell;
    foreach (cell, stored) {
        auto* query = lfirst_node(Query, cell);
        AcquireRewriteLocks(query, true, false);
        all = list_concat(all, pg_rewrite_query(query));
    }
    return all;
}

List* queries_of_text(HeapTuple tuple, Node* call, const char* text) {
    SQLFunctionParseInfoPtr info = prepare_sql_fn_parse_info(tuple, call, InvalidOid);
    List* all = NIL;
    ListCell* cell;
    foreach (cell, pg_parse_query(text)) {
        auto* statement = lfirst_node(RawStmt, cell);
        // Analysis of anything else might do something.
        if (!IsA(statement->stmt, SelectStmt)) return NIL;
        all = list_concat(
            all, pg_analyze_and_rewrite_withcb(
                     statement, text, reinterpret_cast<ParserSetupHook>(sql_fn_parser_setup), info,
                     nullptr));
    }
    return all;
}

List* queries_of_sql(HeapTuple tuple, Node* call) {
    bool is_text;
    Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &is_text);
    if (!is_text) return queries_of_parsed_body(body);
    bool empty;
    body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &empty);
    return empty ? NIL : queries_of_text(tuple, call, TextDatumGetCString(body));
}

bool only_selects(List* queries) {
    ListCell* cell;
    foreach (cell, queries) {
        const auto* query = lfirst_node(Query, cell);
        if (query->commandType != CMD_SELECT || query->utilityStmt != nullptr) return false;
    }
    return true;
}

}  // namespace

List* queries_found_in(Oid function, Node* call, bool* complete) {
    *complete = false;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return NIL;
    List* all = NIL;
    if (!is_plain(tuple)) {
        // Nothing is known of it.
    } else if (is_plpgsql(tuple)) {
        *complete = plpgsql_queries(function, &all);
    } else if (reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang == SQLlanguageId) {
        all = queries_of_sql(tuple, call);
        *complete = all != NIL;
    }
    ReleaseSysCache(tuple);
    if (!only_selects(all)) *complete = false;
    return all;
}

List* queries_of(Oid function, Node* call) {
    bool complete;
    List* all = queries_found_in(function, call, &complete);
    return complete ? all : NIL;
}

}  // namespace cache_ext::pg
