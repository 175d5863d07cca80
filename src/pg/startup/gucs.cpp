#include "pg/startup/gucs.hpp"

#include "pg/base/clock.hpp"
#include "pg/pool/pool.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "access/toast_compression.h"
#include "utils/guc.h"
}

namespace cache_ext::pg {
namespace {

// What the arena's references reach, less some room for the tables before it.
constexpr int kMaxMemoryKb = 60 * 1024 * 1024;

const config_enum_entry kCompressionMethods[] = {
    {"off", kNoCompression, false},
    {"pglz", TOAST_PGLZ_COMPRESSION, false},
#ifdef USE_LZ4
    {"lz4", TOAST_LZ4_COMPRESSION, false},
#endif
    {nullptr, 0, false},
};

const config_enum_entry kEvictions[] = {{"lru", static_cast<int>(core::Eviction::kLru), false},
                                        {"cost", static_cast<int>(core::Eviction::kCost), false},
                                        {nullptr, 0, false}};

void evict_by(int by, void* /*extra*/) {
    store().set_eviction(static_cast<core::Eviction>(by));
}

void limit_pinned(int percent, void* /*extra*/) {
    if (store_ready()) store().set_max_pinned(static_cast<uint32>(percent));
}

// Not called when a process starts, so a new session leaves the shift as it is.
void set_clock(int offset, void* /*extra*/) {
    if (IsUnderPostmaster && shift_clock(offset)) wake_all();
}

void define_test_clock() {
    static int offset = 0;  // of this session; that of the clock is in shared memory
    DefineCustomIntVariable("cache_ext.clock_offset", "Shifts the clock of the caches, for tests.",
                            "Of all sessions, until it is set again.", &offset, 0, INT_MIN, INT_MAX,
                            PGC_SUSET, GUC_UNIT_MS, nullptr, set_clock, nullptr);
}

void define_threshold(const char* name, const char* what, const char* more, int* variable,
                      int initial, int most, int flags = 0) {
    DefineCustomIntVariable(name, what, more, variable, initial, 0, most, PGC_USERSET, flags,
                            nullptr, nullptr, nullptr);
}

void define_health_settings() {
    HealthSettings& h = health_settings;
    define_threshold("cache_ext.health_memory", "Use of memory from which cache_health warns.",
                     "Percent of cache_ext.memory. Zero: never.", &h.memory, 95, 100);
    define_threshold("cache_ext.health_max_caches", "Caches in use from which cache_health warns.",
                     "Percent of cache_ext.max_caches. Zero: never.", &h.max_caches, 90, 100);
    define_threshold("cache_ext.health_pinned",
                     "Memory of pinned caches from which cache_health warns.",
                     "Percent of what is there for values. Zero: never.", &h.pinned, 60, 100);
    define_threshold("cache_ext.health_min_reads",
                     "Reads or fills of a cache before cache_health judges its shares.", nullptr,
                     &h.min_reads, 1000, INT_MAX);
    define_threshold("cache_ext.health_hit_ratio", "Hit ratio below which cache_health warns.",
                     "Percent of the reads of a cache. Zero: never.", &h.hit_ratio, 50, 100);
    define_threshold("cache_ext.health_evictions", "Evictions from which cache_health warns.",
                     "Percent of the fills of a cache. Zero: never.", &h.evictions, 50, 100);
    define_threshold("cache_ext.health_bypasses", "Bypasses from which cache_health warns.",
                     "Percent of the reads of a cache. Zero: never.", &h.bypasses, 20, 100);
    define_threshold("cache_ext.health_writer_rings",
                     "Bypasses because of writers from which cache_health warns.",
                     "Percent of the reads of a cache. Zero: never.", &h.writer_rings, 5, 100);
    define_threshold("cache_ext.health_errors", "Failed refreshes from which cache_health warns.",
                     "Percent of the refreshes of a cache. Zero: never.", &h.errors, 5, 100);
    define_threshold("cache_ext.health_queue", "Waiting tasks from which cache_health warns.",
                     "Percent of cache_ext.queue_size. Zero: never.", &h.queue, 50, 100);
    define_threshold("cache_ext.health_prepared_age",
                     "Age of a prepared transaction from which cache_health warns.",
                     "Ten times as old: critical. Zero: never.", &h.prepared_age_ms, 300000,
                     INT_MAX, GUC_UNIT_MS);
}

}  // namespace

void define_settings(bool preloading) {
    if (preloading) {
        DefineCustomIntVariable("cache_ext.memory", "Shared memory for cached values.",
                                "Tables and bookkeeping included.", &settings.memory_kb, 128 * 1024,
                                8 * 1024, kMaxMemoryKb, PGC_POSTMASTER, GUC_UNIT_KB, nullptr,
                                nullptr, nullptr);
        DefineCustomIntVariable("cache_ext.max_caches", "Caches that can be in use at once.",
                                "Of all databases together; a cache beyond them is bypassed.",
                                &settings.max_caches, 200, 1, 10000, PGC_POSTMASTER, 0, nullptr,
                                nullptr, nullptr);
        DefineCustomIntVariable(
            "cache_ext.max_tracked_relations",
            "Relations that loaders read without a declaration, and that are tracked.",
            "Of all databases together, partitions included; what reads one beyond them is not "
            "cached.",
            &settings.max_tracked_relations, 2000, 1, 1000000, PGC_POSTMASTER, 0, nullptr, nullptr,
            nullptr);
        DefineCustomIntVariable(
            "cache_ext.queue_size", "Tasks that can wait for the background workers.",
            "Of all databases together; a refresh beyond them is dropped.", &settings.queue_size,
            1024, 16, 65536, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
        if (clock_can_be_shifted()) define_test_clock();
    }
    DefineCustomBoolVariable("cache_ext.enabled", "Serve values from the cache.",
                             "Off: every read runs its loader. Invalidation goes on.",
                             &settings.enabled, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("cache_ext.track", "Count hits, misses and loads.", nullptr,
                             &settings.track, true, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("cache_ext.self_protection",
                             "Do not fill caches whose fills cost more than they save.",
                             "For a while. Off: every miss fills.", &settings.self_protection, true,
                             PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.max_transaction_tags",
                            "Keys of one cache that a transaction may invalidate one by one.",
                            "Beyond it the whole cache is invalidated.",
                            &settings.max_transaction_tags, 10000, 1, 1000000, PGC_USERSET, 0,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.max_path_rows",
                            "Changed rows of one path dependency that a commit looks up.",
                            "Beyond it the whole cache is invalidated.", &settings.max_path_rows,
                            100000, 0, 1000000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "cache_ext.path_memory", "Memory for changed rows that a commit looks up.",
        "Beyond it the whole cache is invalidated.", &settings.path_memory_kb, 32768, 64,
        MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.path_timeout",
                            "Time that a commit may spend on the lookups of path dependencies.",
                            "Beyond it the whole cache is invalidated.", &settings.path_timeout_ms,
                            1000, 1, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.auto_lock_timeout",
                            "Longest wait of cache_create for a table that somebody writes to.",
                            "Then the tables stay tracked. Zero: as long as lock_timeout says.",
                            &settings.auto_lock_timeout_ms, 1000, 0, INT_MAX, PGC_USERSET,
                            GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "cache_ext.load_wait", "Longest wait for another session that is loading the same key.",
        "After it the session runs the loader itself. Zero: nobody waits.", &settings.load_wait_ms,
        10000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("cache_ext.compression", "How large values are compressed.",
                             "A value is stored compressed if that saves a quarter.",
                             &settings.compression, kNoCompression, kCompressionMethods, PGC_SIGHUP,
                             0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.compress_above", "Values larger than this are compressed.",
                            nullptr, &settings.compress_above_bytes, 2048, 64, INT_MAX / 2,
                            PGC_SIGHUP, GUC_UNIT_BYTE, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.copy_up_to", "Values up to about this size are copied.",
                            "A query uses larger ones where they lie in shared memory. "
                            "-1: all are copied.",
                            &settings.copy_up_to_bytes, 512, -1, 65536, PGC_USERSET, GUC_UNIT_BYTE,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.workers", "Background workers per database at most.",
                            "Zero: nothing is refreshed ahead of time.", &settings.workers, 3, 0,
                            64, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "cache_ext.refresh_interval", "Time between two searches for values to refresh.",
        "They find what nobody reads just now. Zero: none.", &settings.refresh_interval_ms, 300000,
        0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.warm_batch", "Keys that are warmed by one query.",
                            "A background worker begins a new transaction for each batch.",
                            &settings.warm_batch, 10, 1, 10000, PGC_USERSET, 0, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable(
        "cache_ext.warm_delay", "Time from a commit that invalidates to the reload.",
        "For caches with warm_on_invalidate: commits that follow meanwhile share the reload.",
        &settings.warm_delay_ms, 1000, 0, 3600000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr,
        nullptr);
    DefineCustomIntVariable(
        "cache_ext.idle_below", "Active sessions that a database has when it is not idle.",
        "Caches with warm_when_idle are warmed while fewer sessions of the database are active.",
        &settings.idle_below, 2, 1, 10000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.learned_keys",
                            "Keys of each cache that are remembered across restarts.",
                            "The hottest ones. Zero: none.", &settings.learned_keys, 10000, 0,
                            1000000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.learn_interval",
                            "Time after which the hottest keys are written to a file again.",
                            nullptr, &settings.learn_interval_s, 300, 1, 86400, PGC_SIGHUP,
                            GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("cache_ext.eviction", "What eviction goes by.",
                             "lru: use; cost: use, load time and size.", &settings.eviction,
                             static_cast<int>(core::Eviction::kLru), kEvictions, PGC_SIGHUP, 0,
                             nullptr, evict_by, nullptr);
    DefineCustomIntVariable(
        "cache_ext.max_pinned", "Share of the memory that pinned caches are protected in.",
        "Percent; what they hold beyond it goes first. Zero: none is pinned.", &settings.max_pinned,
        80, 0, 100, PGC_SIGHUP, 0, nullptr, limit_pinned, nullptr);
    DefineCustomIntVariable("cache_ext.naptime",
                            "Longest sleep of a background worker without work.", nullptr,
                            &settings.naptime_ms, 10000, 100, 3600000, PGC_SIGHUP, GUC_UNIT_MS,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.worker_statement_timeout",
                            "Time that a loader may take in a background worker.",
                            "Zero: no limit.", &settings.refresh_timeout_ms, 60000, 0, INT_MAX,
                            PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "cache_ext.max_caches_per_role", "Caches of one owner that can be in use at once.",
        "Zero: all but a tenth of cache_ext.max_caches.", &settings.max_caches_per_role, 0, 0,
        10000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "cache_ext.max_caches_per_database", "Caches of one database that can be in use at once.",
        "Zero: all but a tenth of cache_ext.max_caches.", &settings.max_caches_per_database, 0, 0,
        10000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.cancel_grace",
                            "Time that a cancelled loader has to end in a background worker.",
                            "After it the worker is terminated.", &settings.cancel_grace_ms, 10000,
                            0, 3600000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "cache_ext.suspend_after", "Workers that a cache's loader may have terminated.",
        "Then nothing is done for that cache in the background. Zero: any number.",
        &settings.suspend_after, 3, 0, 1000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.suspend_time",
                            "Time after which a suspended cache is tried again.", nullptr,
                            &settings.suspend_time_ms, 3600000, 1000, INT_MAX, PGC_SIGHUP,
                            GUC_UNIT_MS, nullptr, nullptr, nullptr);
    define_health_settings();
    MarkGUCPrefixReserved("cache_ext");
}

}  // namespace cache_ext::pg
