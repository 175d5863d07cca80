// Behind the view cache_queue: what waits for the workers, of this database.
#include "pg/pool/pool_state.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/key_text.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {

extern "C" {
PG_FUNCTION_INFO_V1(cache_queue_rows_1_0);
}

// Of caches that the user may see.
extern "C" Datum cache_queue_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (!store_ready()) PG_RETURN_VOID();
    auto* copy = static_cast<Task*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Task) * pool->queue_size));
    uint32 count = 0;
    LWLockAcquire(tasks_lock, LW_SHARED);
    for (uint32 i = 0; i < pool->count; ++i) {
        const TaskHead& head = task_heads()[i];
        if (head.database != MyDatabaseId) continue;
        static_cast<TaskHead&>(copy[count]) = head;
        memcpy(copy[count].key, task_key(head), head.key_bytes);
        ++count;
    }
    LWLockRelease(tasks_lock);
    for (uint32 i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const Task& t = copy[i];
        const Definition* d = find_definition_by_id(t.cache_id);
        if (d == nullptr || d->broken || !may_see(d)) continue;
        Datum values[6] = {CStringGetTextDatum(d->name),
                           CStringGetTextDatum(name_of(t.kind)),
                           0,
                           Int32GetDatum(t.priority),
                           TimestampTzGetDatum(from_millis(t.due)),
                           TimestampTzGetDatum(from_millis(t.deadline))};
        bool nulls[6] = {};
        const char* key =
            t.kind == TaskKind::kRefresh ? key_text(t.key, d->columns, d->key_types) : nullptr;
        nulls[2] = key == nullptr;
        if (!nulls[2]) values[2] = CStringGetTextDatum(key);
        nulls[5] = t.deadline == core::kNever;
        tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    }
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
