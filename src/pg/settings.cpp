#include "pg/postgres.hpp"

#include "pg/health.hpp"
#include "pg/settings.hpp"

#include "pg/clock.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace cache_ext::pg {

namespace {
// What the arena's references reach, less some room for the tables before it.
constexpr int kMaxMemoryKb = 60 * 1024 * 1024;
}  // namespace

Settings settings = {};

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
        define_test_clock();
    }
    DefineCustomBoolVariable("cache_ext.enabled", "Serve values from the cache.",
                             "Off: every read runs its loader. Invalidation goes on.",
                             &settings.enabled, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("cache_ext.track", "Count hits, misses and loads.", nullptr,
                             &settings.track, true, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.max_transaction_tags",
                            "Keys of one cache that a transaction may invalidate one by one.",
                            "Beyond it the whole cache is invalidated.",
                            &settings.max_transaction_tags, 10000, 1, 1000000, PGC_USERSET, 0,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.max_path_rows",
                            "Changed rows of one path dependency that a commit looks up.",
                            "Beyond it the whole cache is invalidated.", &settings.max_path_rows,
                            1000, 0, 1000000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.path_timeout",
                            "Time that a commit may spend on the lookups of path dependencies.",
                            "Beyond it the whole cache is invalidated.", &settings.path_timeout_ms,
                            1000, 1, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.naptime",
                            "Longest sleep of a background worker without work.", nullptr,
                            &settings.naptime_ms, 10000, 100, 3600000, PGC_SIGHUP, GUC_UNIT_MS,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("cache_ext.worker_statement_timeout",
                            "Time that a loader may take in a background worker.",
                            "Zero: no limit.", &settings.refresh_timeout_ms, 60000, 0, INT_MAX,
                            PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    define_health_settings();
    MarkGUCPrefixReserved("cache_ext");
}

}  // namespace cache_ext::pg
