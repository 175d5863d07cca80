#include "pg/load/reads.hpp"

#include "pg/base/compat.hpp"
#include "pg/load/loader_limits.hpp"
#include "pg/load/session_reads.hpp"
#include "pg/load/worker_reads.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/parallel.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;

ExecutorStart_hook_type previous_start = nullptr;
object_access_hook_type previous_object_access = nullptr;

// The plan that is being started in a load may run in parallel.
bool starts_parallel = false;

// The first thing met is the one that is told.
void note_met(Bypass why, Oid object) {
    Load* load = innermost_load;
    if (load->met != Bypass::kNone) return;
    load->met = why;
    load->met_object = object;
}

void note_relation(Oid relation) {
    Load* load = innermost_load;
    if (load->relations == nullptr) {
        HASHCTL info = {};
        info.keysize = sizeof(Oid);
        info.entrysize = sizeof(Oid);
        info.hcxt = load->context;
        load->relations = hash_create("cache_ext relations of a load", 32, &info,
                                      HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    }
    hash_search(load->relations, &relation, HASH_ENTER, nullptr);
}

// In PL/pgSQL, or another language: what it evaluates without a plan of a query its text says.
void note_function(Oid function) {
    Load* load = innermost_load;
    if (list_member_oid(load->functions, function)) return;
    MemoryContext old = MemoryContextSwitchTo(load->context);
    load->functions = lappend_oid(load->functions, function);
    MemoryContextSwitchTo(old);
}

// From here to the end of the run there are no parallel workers.
void keep_in_this_process() {
    set_config_option("max_parallel_workers", "0", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                      true, 0, false);
}

void start(QueryDesc* query, int flags) {
    if (IsParallelWorker()) note_query_in_worker();
    if (!inside_load()) {
        starts_parallel = false;
        (previous_start != nullptr ? previous_start : standard_ExecutorStart)(query, flags);
        return;
    }
    ListCell* cell;
    foreach (cell, query->plannedstmt->rtable) {
        const auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
        if (entry->rtekind == RTE_RELATION) note_relation(entry->relid);
    }
    note_session_reads(query->plannedstmt);
    // What an error leaves behind is put right by the next one.
    starts_parallel = query->plannedstmt->parallelModeNeeded && innermost_load->tracks;
    if (starts_parallel && innermost_load->serial) keep_in_this_process();
    (previous_start != nullptr ? previous_start : standard_ExecutorStart)(query, flags);
    starts_parallel = false;
}

// Of the server's own that are not VOLATILE, those that tell what the server has done so far, who
// asks, or what lies in files.
bool tells_of_server(const FormData_pg_proc* function) {
    switch (function->oid) {
        case F_PG_CURRENT_SNAPSHOT:
        case F_TXID_CURRENT_SNAPSHOT:
        case F_PG_CONF_LOAD_TIME:
        case F_PG_POSTMASTER_START_TIME:
        case F_PG_CURRENT_XACT_ID_IF_ASSIGNED:
        case F_TXID_CURRENT_IF_ASSIGNED:
        case F_AGE_XID:
        case F_MXID_AGE:
        case F_PG_GET_REPLICATION_SLOTS:
        case F_PG_TABLESPACE_DATABASES:
        case F_PG_AVAILABLE_EXTENSIONS:
        case F_PG_AVAILABLE_EXTENSION_VERSIONS:
        case F_PG_EXTENSION_UPDATE_PATHS:
        case F_PG_BACKEND_PID:
        case F_INET_CLIENT_ADDR:
        case F_INET_CLIENT_PORT:
        case F_INET_SERVER_ADDR:
        case F_INET_SERVER_PORT:
        case F_PG_SHOW_ALL_SETTINGS:
            return true;
        default:
            return strncmp(NameStr(function->proname), "pg_stat_", strlen("pg_stat_")) == 0;
    }
}

// A function that returns nothing has nothing to say, and the server's own take no snapshots: such
// as pg_sleep().
bool is_mute(const FormData_pg_proc* function) {
    return function->prorettype == VOIDOID && function->oid < FirstGenbkiObjectId;
}

Bypass harm_of(HeapTuple tuple) {
    const auto* function = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    if (function->provolatile == PROVOLATILE_VOLATILE) {
        // What set_config() returns it was given, and what it sets is undone.
        const bool harmless =
            is_mute(function) || function->oid == F_SET_CONFIG || is_valid_until(tuple);
        return harmless ? Bypass::kNone : Bypass::kVolatileFunction;
    }
    return function->oid < FirstGenbkiObjectId && function->provolatile == PROVOLATILE_STABLE &&
                   tells_of_server(function)
               ? Bypass::kUntracked
               : Bypass::kNone;
}

// Called when an expression that calls the function is made ready. PL/pgSQL keeps some of these
// for the rest of the transaction, where a load may use them that is still to come.
void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_object_access != nullptr) {
        previous_object_access(access, class_id, object_id, sub_id, argument);
    }
    if (access != OAT_FUNCTION_EXECUTE || (!inside_load() && !is_kept_expression())) return;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(object_id));
    if (!HeapTupleIsValid(tuple)) return;
    const auto* function = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const Bypass harm = harm_of(tuple);
    if (harm != Bypass::kNone && is_kept_expression()) note_kept_expression();
    if (inside_load()) {
        if (harm != Bypass::kNone) note_met(harm, object_id);
        // What it reads in a worker nobody would note; many can be told beforehand.
        const bool in_c =
            function->prolang == INTERNALlanguageId || function->prolang == ClanguageId;
        if (starts_parallel && !in_c) keep_in_this_process();
        if (!in_c && function->prolang != SQLlanguageId) note_function(object_id);
    }
    ReleaseSysCache(tuple);
}

}  // namespace

bool is_valid_until(HeapTuple tuple) {
    if (reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang != ClanguageId) return false;
    bool is_null;
    const Datum symbol = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &is_null);
    if (is_null) return false;
    char* name = TextDatumGetCString(symbol);
    const bool same = strcmp(name, "cache_valid_until_1_0") == 0;
    pfree(name);
    return same;
}

Bypass harm_of(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return Bypass::kNone;
    const Bypass harm = harm_of(tuple);
    ReleaseSysCache(tuple);
    return harm;
}

void install_read_hooks() {
    previous_start = ExecutorStart_hook;
    ExecutorStart_hook = start;
    previous_object_access = object_access_hook;
    object_access_hook = object_access;
}

}  // namespace cache_ext::pg
