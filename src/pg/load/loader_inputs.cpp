#include "pg/load/loader_inputs.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/apart.hpp"
#include "pg/base/memory.hpp"
#include "pg/load/environment.hpp"
#include "pg/load/loader_limits.hpp"
#include "pg/load/loader_queries.hpp"
#include "pg/load/plpgsql_queries.hpp"
#include "pg/load/reads.hpp"
#include "pg/load/session_reads.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

struct Search {
    List* found;      // of TextInput*
    List* known;      // Oids: functions that were looked at, or are to be
    bool policies;    // those of tables are looked at
    List* relations;  // whose were
};

bool is_somebodys(Oid function) {
    return function >= FirstGenbkiObjectId &&
           !OidIsValid(getExtensionOfObject(ProcedureRelationId, function));
}

void add(Search* search, InputKind kind, const char* name, Oid function = InvalidOid) {
    ListCell* cell;
    foreach (cell, search->found) {
        const auto* other = static_cast<const TextInput*>(lfirst(cell));
        const bool same = name == nullptr || other->name == nullptr
                              ? name == other->name
                              : strcmp(other->name, name) == 0;
        if (other->kind == kind && same) return;
    }
    auto* input = make<TextInput>();
    *input = {kind, name != nullptr ? pstrdup(name) : nullptr, function};
    search->found = lappend(search->found, input);
}

// The server's own that look at the clock of the transaction; those that look at the real one are
// VOLATILE.
bool tells_time(Oid function) {
    switch (function) {
        case F_NOW:
        case F_TRANSACTION_TIMESTAMP:
        case F_STATEMENT_TIMESTAMP:
        case F_AGE_TIMESTAMP:
        case F_AGE_TIMESTAMPTZ:
            return true;
        default:
            return false;
    }
}

bool note_function(Oid function, void* argument) {
    auto* search = static_cast<Search*>(argument);
    if (tells_time(function)) {
        add(search, InputKind::kTime, format_procedure(function));
    } else if (function == F_CURRENT_USER) {
        add(search, InputKind::kRole, format_procedure(function));
    } else if (function == F_SESSION_USER) {
        add(search, InputKind::kSessionRole, format_procedure(function));
    } else if (tells_of_session(function) || harm_of(function) == core::Bypass::kUntracked) {
        add(search, InputKind::kSession, format_procedure(function), function);
    } else if (harm_of(function) == core::Bypass::kVolatileFunction) {
        add(search, InputKind::kVolatileFunction, format_procedure(function),
            is_somebodys(function) ? function : InvalidOid);
    }
    if (function >= FirstGenbkiObjectId) {
        search->known = list_append_unique_oid(search->known, function);
    }
    return false;
}

void note_value_function(Search* search, const SQLValueFunction* function) {
    switch (function->op) {
        case SVFOP_CURRENT_DATE:
            add(search, InputKind::kTime, "CURRENT_DATE");
            break;
        case SVFOP_CURRENT_TIME:
        case SVFOP_CURRENT_TIME_N:
            add(search, InputKind::kTime, "CURRENT_TIME");
            break;
        case SVFOP_CURRENT_TIMESTAMP:
        case SVFOP_CURRENT_TIMESTAMP_N:
            add(search, InputKind::kTime, "CURRENT_TIMESTAMP");
            break;
        case SVFOP_LOCALTIME:
        case SVFOP_LOCALTIME_N:
            add(search, InputKind::kTime, "LOCALTIME");
            break;
        case SVFOP_LOCALTIMESTAMP:
        case SVFOP_LOCALTIMESTAMP_N:
            add(search, InputKind::kTime, "LOCALTIMESTAMP");
            break;
        case SVFOP_CURRENT_ROLE:
        case SVFOP_CURRENT_USER:
        case SVFOP_USER:
            add(search, InputKind::kRole, "CURRENT_USER");
            break;
        case SVFOP_SESSION_USER:
            add(search, InputKind::kSessionRole, "SESSION_USER", F_SESSION_USER);
            break;
        case SVFOP_CURRENT_CATALOG:
        case SVFOP_CURRENT_SCHEMA:
            break;
    }
}

bool walk(Node* node, void* argument);

// Of a table that has some. They are read with their tables' own meaning, whoever they apply to.
void note_policies(Search* search, Oid relation) {
    if (list_member_oid(search->relations, relation)) return;
    search->relations = lappend_oid(search->relations, relation);
    Relation r = RelationIdGetRelation(relation);
    if (!RelationIsValid(r)) return;
    if (r->rd_rel->relrowsecurity && r->rd_rsdesc != nullptr) {
        ListCell* cell;
        foreach (cell, r->rd_rsdesc->policies) {
            const auto* policy = static_cast<RowSecurityPolicy*>(lfirst(cell));
            if (policy->polcmd != ACL_SELECT_CHR && policy->polcmd != '*') continue;
            walk(static_cast<Node*>(copyObjectImpl(policy->qual)), search);
        }
    }
    RelationClose(r);
}

bool walk(Node* node, void* argument) {
    auto* search = static_cast<Search*>(argument);
    if (node == nullptr) return false;
    if (IsA(node, Query)) {
        auto* query = reinterpret_cast<Query*>(node);
        ListCell* cell;
        foreach (cell, search->policies ? query->rtable : NIL) {
            const auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
            if (entry->rtekind == RTE_RELATION) note_policies(search, entry->relid);
        }
        return query_tree_walker(query, tree_walker(walk), argument, 0);
    }
    if (IsA(node, SQLValueFunction)) {
        note_value_function(search, reinterpret_cast<SQLValueFunction*>(node));
    } else if (IsA(node, FuncExpr)) {
        const auto* call = reinterpret_cast<const FuncExpr*>(node);
        if (asks_for_setting(call->funcid)) {
            add(search, InputKind::kSetting, asked_setting(call), call->funcid);
        }
    }
    check_functions_in_node(node, note_function, argument);
    return expression_tree_walker(node, tree_walker(walk), argument);
}

// ('app.name', as it stands behind the word; nullptr: something else does.
const char* name_behind(const char* at) {
    constexpr const char* kBlanks = " \t\n";
    at += strspn(at, kBlanks);
    if (*at++ != '(') return nullptr;
    at += strspn(at, kBlanks);
    if (*at++ != '\'') return nullptr;
    const size_t size = strcspn(at, "'\\");
    const char* end = at + size + 1;
    if (at[size] != '\'') return nullptr;
    end += strspn(end, kBlanks);
    return *end == ')' || *end == ',' ? pnstrdup(at, size) : nullptr;
}

// PL/pgSQL that the analysis makes nothing of, in this moment or at all.
void note_words(Search* search, Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return;
    bool none;
    const Datum source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &none);
    if (is_plpgsql(tuple) && !none) {
        char* words = TextDatumGetCString(source);
        for (char* c = words; *c != '\0'; ++c) *c = static_cast<char>(pg_tolower(*c));
        constexpr const char* kCall = "current_setting";
        for (const char* at = words; (at = strstr(at, kCall)) != nullptr;) {
            at += strlen(kCall);
            add(search, InputKind::kSetting, name_behind(at), F_CURRENT_SETTING_TEXT);
        }
        if (strstr(words, "session_user") != nullptr) {
            add(search, InputKind::kSessionRole, "SESSION_USER", F_SESSION_USER);
        }
    }
    ReleaseSysCache(tuple);
}

}  // namespace

const char* input_kind_name(InputKind kind) {
    switch (kind) {
        case InputKind::kTime:
            return "time";
        case InputKind::kSetting:
            return "setting";
        case InputKind::kRole:
        case InputKind::kSessionRole:
            return "role";
        case InputKind::kSession:
        case InputKind::kVolatileFunction:
            break;
    }
    return "function";
}

const char* input_name(const TextInput& input) {
    return input.name != nullptr ? input.name : "a setting whose name is computed";
}

bool is_in_key(const Definition* d, const TextInput& input) {
    switch (input.kind) {
        case InputKind::kRole:
            return d->as_reader;
        case InputKind::kSessionRole:
            return tells_session_user(d);
        case InputKind::kSetting:
            return input.name != nullptr && tells_setting(d, input.name);
        default:
            return false;
    }
}

bool is_unnamed(const Definition* d, const TextInput& input) {
    return input.kind == InputKind::kSetting       ? is_unnamed_setting(d, input.name)
           : input.kind == InputKind::kSessionRole ? is_unnamed_session_user(d)
                                                   : false;
}

List* inputs_by_text(const Definition* d, List* more, List** functions) {
    Search search = {NIL, list_copy(more), d->as_reader, NIL};
    for (const Oid function : {d->loader, d->load_many, d->load_all}) {
        if (OidIsValid(function)) {
            search.known = list_append_unique_oid(search.known, function);
        }
    }
    as_owner_of(d, [&] {
        // Functions are added while it goes.
        for (int i = 0; i < list_length(search.known); ++i) {
            const Oid next = list_nth_oid(search.known, i);
            List* queries = NIL;
            const bool read = apart([&] {
                queries = queries_found_in(next);
                walk(reinterpret_cast<Node*>(queries), &search);
            });
            if (!read || queries == NIL) note_words(&search, next);
        }
    });
    if (functions != nullptr) *functions = search.known;
    return search.found;
}

}  // namespace cache_ext::pg
