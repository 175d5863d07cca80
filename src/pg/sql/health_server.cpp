// cache_health, the checks of the server: the library, its memory, the workers, prepared
// transactions.
#include "pg/sql/health.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/spi.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/pool.hpp"

namespace cache_ext::pg {
namespace {

constexpr int kCriticalAge = 10;  // times the threshold

// A share of something that is better kept below its threshold; 0 switches it off.
void judge_share(HealthCheck* check, double value, int threshold) {
    check->measured = true;
    check->value = value;
    if (threshold == 0) return;
    check->threshold = threshold;
    if (value >= threshold) check->status = Status::kWarning;
}

}  // namespace

HealthCheck check_preloaded() {
    HealthCheck check = {"preloaded"};
    check.measured = true;
    check.value = store_ready() ? 1 : 0;
    check.status = store_ready() ? Status::kOk : Status::kCritical;
    check.detail = store_ready()
                       ? "the library was loaded when the server started"
                       : "cache_ext is not in shared_preload_libraries: nothing is cached";
    return check;
}

// Of the SQL objects, beside the library's.
HealthCheck check_version() {
    HealthCheck check = {"version"};
    Extension installed;
    find_extension(&installed);
    if (!is_known_version(installed.version)) {
        check.status = Status::kCritical;
        check.detail = psprintf(
            "the extension is of version %s, which its library, of version %s, "
            "does not know: nothing is cached",
            installed.version, CACHE_EXT_VERSION);
    } else if (!definitions_usable()) {
        check.status = Status::kCritical;
        check.detail = psprintf("its tables are not those of version %s: nothing is cached",
                                installed.version);
    } else if (strcmp(installed.version, CACHE_EXT_VERSION) != 0) {
        check.status = Status::kWarning;
        check.detail = psprintf(
            "the extension is of version %s, its library of version %s: ALTER "
            "EXTENSION cache_ext UPDATE",
            installed.version, CACHE_EXT_VERSION);
    } else {
        check.detail = "the extension is of the version of its library";
    }
    return check;
}

HealthCheck check_memory() {
    HealthCheck check = {"memory"};
    const core::StoreStats stats = store().stats();
    const uint64 used = stats.overhead_bytes + stats.arena.allocated_bytes;
    const uint64 all = stats.overhead_bytes + stats.arena.capacity;
    judge_share(&check, percent(used, all), health_settings.memory);
    const char* kept =
        stats.retired_bytes == 0
            ? ""
            : psprintf(", " UINT64_FORMAT " kB of it by old values that queries still read",
                       stats.retired_bytes / 1024);
    check.detail =
        psprintf(UINT64_FORMAT " of " UINT64_FORMAT " kB in use%s%s", used / 1024, all / 1024, kept,
                 check.status == Status::kOk ? "" : ": new values evict old ones");
    return check;
}

HealthCheck check_control_blocks() {
    HealthCheck check = {"max_caches"};
    uint32 used = 0;
    const uint32 all = store().max_caches();
    for (core::CacheIndex i = 0; i < all; ++i) {
        if (core::load_relaxed(store().control(i)->id) != 0) ++used;
    }
    judge_share(&check, percent(used, all), health_settings.max_caches);
    if (used == all && health_settings.max_caches > 0) check.status = Status::kCritical;
    check.detail =
        psprintf("%u of %u%s", used, all, used == all ? ": reads of further caches bypass" : "");
    return check;
}

// Workers of all databases. More may be wanted than run for a moment; it is a fault only if the
// server had no room for them.
HealthCheck check_workers(const PoolHealth& pool) {
    HealthCheck check = {"workers"};
    check.measured = true;
    check.value = pool.running;
    check.threshold = pool.wanted;
    if (!pool.launcher && !RecoveryInProgress()) {
        check.status = Status::kCritical;
        check.detail = "the launcher does not run: nothing is refreshed ahead of time";
    } else if (pool.no_room) {
        check.status = Status::kWarning;
        check.detail = psprintf("no room in max_worker_processes: " UINT64_FORMAT
                                " workers could not be started, the last one at %s",
                                pool.failed_starts, timestamptz_to_str(pool.last_failed_start));
    } else {
        check.detail = psprintf("%d running, %d wanted", pool.running, pool.wanted);
    }
    return check;
}

HealthCheck check_queue(const PoolHealth& pool) {
    HealthCheck check = {"queue"};
    judge_share(&check, percent(pool.queued, pool.queue_size), health_settings.queue);
    check.detail =
        psprintf("%u of %u tasks waiting, " UINT64_FORMAT
                 " dropped since the server's start, %u to be tried again after a failure",
                 pool.queued, pool.queue_size, pool.dropped, pool.retrying);
    return check;
}

// Those of this database: whoever sees their keys written bypasses until they end.
HealthCheck check_prepared() {
    HealthCheck check = {"prepared_transactions"};
    check.measured = true;
    check.detail = "none";
    MemoryContext mine = CurrentMemoryContext;
    connect_spi();
    if (SPI_execute("SELECT pg_catalog.min(x.prepared), pg_catalog.count(*) "
                    "FROM pg_catalog.pg_prepared_xacts AS x "
                    "WHERE x.database OPERATOR(pg_catalog.=) pg_catalog.current_database()",
                    true, 0) != SPI_OK_SELECT) {
        elog(ERROR, "pg_prepared_xacts could not be read");
    }
    const HeapTuple row = SPI_tuptable->vals[0];
    bool null;
    const TimestampTz oldest =
        DatumGetTimestampTz(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &null));
    if (!null) {
        const int64 n = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &null));
        check.value = static_cast<double>(GetCurrentTimestamp() - oldest) / USECS_PER_SEC;
        MemoryContext old = MemoryContextSwitchTo(mine);
        check.detail =
            psprintf(INT64_FORMAT " in this database, the oldest for %.0f s", n, check.value);
        MemoryContextSwitchTo(old);
    }
    SPI_finish();
    if (health_settings.prepared_age_ms > 0) {
        check.threshold = health_settings.prepared_age_ms / 1000.0;
        if (check.value >= check.threshold) check.status = Status::kWarning;
        if (check.value >= kCriticalAge * check.threshold) check.status = Status::kCritical;
    }
    return check;
}

}  // namespace cache_ext::pg
