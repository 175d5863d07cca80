#include "pg/load/loader_queries.hpp"

#include "pg/load/plain_casts.hpp"
#include "pg/load/plpgsql_queries.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/functions.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// Settings that a function may have: they make no other rows visible, and run nothing.
constexpr const char* kHarmless[] = {"search_path",  "timezone",         "datestyle",
                                     "work_mem",     "intervalstyle",    "jit",
                                     "lock_timeout", "statement_timeout"};

bool is_harmless(const char* setting) {
    const char* end = strchr(setting, '=');
    const size_t size = end != nullptr ? static_cast<size_t>(end - setting) : 0;
    for (const char* name : kHarmless) {
        if (strlen(name) == size && pg_strncasecmp(name, setting, size) == 0) return true;
    }
    return false;
}

bool are_harmless(ArrayType* settings) {
    Datum* texts;
    bool* nulls;
    int count;
    deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    for (int i = 0; i < count; ++i) {
        if (nulls[i] || !is_harmless(TextDatumGetCString(texts[i]))) return false;
    }
    return true;
}

// nullptr: none.
ArrayType* settings_of(HeapTuple tuple) {
    bool none;
    const Datum settings = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &none);
    return none ? nullptr : DatumGetArrayTypePCopy(settings);
}

// Another role sees other rows.
bool is_plain(const FormData_pg_proc* form) {
    return form->prokind == PROKIND_FUNCTION && (!form->prosecdef || form->proowner == GetUserId());
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

List* read_sql(HeapTuple tuple, Node* call) {
    bool is_text;
    Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &is_text);
    if (!is_text) return queries_of_parsed_body(body);
    bool none;
    body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &none);
    return none ? NIL : queries_of_text(tuple, call, TextDatumGetCString(body));
}

bool only_selects(List* queries) {
    ListCell* cell;
    foreach (cell, queries) {
        const auto* query = lfirst_node(Query, cell);
        if (query->commandType != CMD_SELECT || query->utilityStmt != nullptr) return false;
    }
    return true;
}

// The result of the last statement is made what the function is said to return.
bool is_returned_plainly(Oid function, List* queries) {
    Oid type;
    TupleDesc row = nullptr;
    get_func_result_type(function, &type, &row);
    List* types = types_returned(llast_node(Query, queries));
    if (type == VOIDOID) return true;
    if (list_length(types) == 1 && (row == nullptr || linitial_oid(types) == type)) {
        return is_cast_plainly(linitial_oid(types), type);
    }
    if (row == nullptr) return false;
    int given = 0;
    for (int i = 0; i < row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(row, i);
        if (column->attisdropped) continue;
        if (given == list_length(types) ||
            !is_cast_plainly(list_nth_oid(types, given), column->atttypid)) {
            return false;
        }
        ++given;
    }
    return given == list_length(types);
}

// *complete: that is all that it does.
List* read_body(HeapTuple tuple, Node* call, bool everything, bool* complete) {
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    List* all = NIL;
    *complete = false;
    if (form->prolang == SQLlanguageId) {
        all = read_sql(tuple, call);
        *complete = only_selects(all) && all != NIL && is_returned_plainly(form->oid, all);
    } else if (is_plpgsql(tuple)) {
        *complete = plpgsql_queries(form->oid, &all, everything) && only_selects(all);
    }
    return all;
}

// With its own settings, as it runs.
List* read_with(HeapTuple tuple, Node* call, ArrayType* settings, bool everything, bool* complete) {
    if (settings == nullptr) return read_body(tuple, call, everything, complete);
    const int nest = NewGUCNestLevel();
    ProcessGUCArray(settings, superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
                    GUC_ACTION_SAVE);
    List* all = read_body(tuple, call, everything, complete);
    AtEOXact_GUC(true, nest);
    return all;
}

}  // namespace

List* queries_of(Oid function, Node* call, bool* has_settings) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return NIL;
    List* all = NIL;
    bool complete = false;
    ArrayType* settings = settings_of(tuple);
    const bool allowed = settings == nullptr || (has_settings != nullptr && are_harmless(settings));
    if (allowed && is_plain(reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple)))) {
        all = read_with(tuple, call, settings, false, &complete);
    }
    ReleaseSysCache(tuple);
    if (has_settings != nullptr) *has_settings = settings != nullptr;
    return complete ? all : NIL;
}

List* queries_found_in(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return NIL;
    ArrayType* settings = settings_of(tuple);
    bool complete;
    List* all = settings == nullptr || are_harmless(settings)
                    ? read_with(tuple, nullptr, settings, true, &complete)
                    : NIL;
    ReleaseSysCache(tuple);
    return all;
}

}  // namespace cache_ext::pg
