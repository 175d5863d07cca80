// Behind the view cache_workers.
#include "pg/pool/pool_state.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kColumns = 10;

const char* state_of(const WorkerSlot& w) {
    if (w.pid == kStarting || !w.connected) return "starting";
    if (!w.busy) return "idle";
    if (w.endless) return "endless";
    if (w.terminated) return "terminated";
    return name_of(w.task.kind);
}

// Names and keys of other databases may be in another encoding.
void set_text(const char* text, Datum* value, bool* null) {
    const auto length = static_cast<int>(strlen(text));
    *null = length == 0 || !pg_verify_mbstr(GetDatabaseEncoding(), text, length, true);
    if (!*null) *value = CStringGetTextDatum(text);
}

void put_launcher(const ReturnSetInfo* set, int pid, TimestampTz since, bool no_room) {
    Datum values[kColumns] = {};
    bool nulls[kColumns];
    std::fill_n(nulls, kColumns, true);
    nulls[0] = nulls[2] = nulls[3] = nulls[6] = false;
    values[0] = Int32GetDatum(pid);
    values[2] = CStringGetTextDatum("launcher");
    values[3] = CStringGetTextDatum(no_room ? "no room for workers" : "idle");
    values[6] = TimestampTzGetDatum(since);
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

// As may_see(). Whose database another one is makes nobody pg_database_owner there.
bool may_see_task(const WorkerSlot& w) {
    if (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS)) return true;
    const bool of_database = w.owner == ROLE_PG_DATABASE_OWNER;
    return OidIsValid(w.owner) && (!of_database || w.database == MyDatabaseId) &&
           has_privs_of_role(GetUserId(), w.owner);
}

void put_worker(const ReturnSetInfo* set, const WorkerSlot& w) {
    const bool all = may_see_task(w);
    Datum values[kColumns] = {};
    bool nulls[kColumns] = {};
    nulls[0] = w.pid <= 0;
    values[0] = Int32GetDatum(w.pid);
    const char* database = get_database_name(w.database);
    nulls[1] = database == nullptr;
    if (database != nullptr) values[1] = CStringGetTextDatum(database);
    values[2] = CStringGetTextDatum(w.worked ? "worker" : "scout");
    values[3] = CStringGetTextDatum(state_of(w));
    set_text(w.busy && all ? w.cache : "", &values[4], &nulls[4]);
    set_text(w.busy && all ? w.key_text : "", &values[5], &nulls[5]);
    nulls[6] = w.started_at == 0;
    values[6] = TimestampTzGetDatum(w.started_at);
    nulls[7] = !w.busy;
    values[7] = TimestampTzGetDatum(w.task_started_at);
    nulls[8] = !w.busy || !all || w.done < 0;
    values[8] = Int64GetDatum(w.done);
    nulls[9] = !w.busy || !all || w.total < 0;
    values[9] = Int64GetDatum(w.total);
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_worker_rows_1_0);
}

extern "C" Datum cache_worker_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (!store_ready()) PG_RETURN_VOID();
    const Size slots = static_cast<Size>(max_worker_processes);
    auto* copy = make_array<WorkerSlot>(slots);
    LWLockAcquire(tasks_lock, LW_SHARED);
    const int launcher = pool->launcher_pid;
    const TimestampTz since = pool->launcher_started_at;
    const bool no_room = pool->start_failures > 0;
    memcpy(static_cast<void*>(copy), worker_slot(0), sizeof(WorkerSlot) * slots);
    LWLockRelease(tasks_lock);
    if (launcher != 0) put_launcher(set, launcher, since, no_room);
    for (Size i = 0; i < slots; ++i) {
        if (copy[i].pid != 0) put_worker(set, copy[i]);
    }
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
