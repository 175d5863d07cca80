// The values of the settings, as docs/reference.md lists them. gucs.cpp defines them.
#pragma once

namespace cache_ext::pg {

constexpr char kNoCompression = '\0';

struct Settings {
    int memory_kb;                // cache_ext.memory
    int max_caches;               // cache_ext.max_caches
    int max_caches_per_role;      // cache_ext.max_caches_per_role
    int max_caches_per_database;  // cache_ext.max_caches_per_database
    int max_tracked_relations;    // cache_ext.max_tracked_relations
    bool enabled;                 // cache_ext.enabled
    bool track;                   // cache_ext.track
    bool self_protection;         // cache_ext.self_protection
    int max_transaction_tags;     // cache_ext.max_transaction_tags
    int max_path_rows;            // cache_ext.max_path_rows
    int path_memory_kb;           // cache_ext.path_memory
    int path_timeout_ms;          // cache_ext.path_timeout
    int auto_lock_timeout_ms;     // cache_ext.auto_lock_timeout
    int load_wait_ms;             // cache_ext.load_wait
    int compression;              // cache_ext.compression: kNoCompression, or PostgreSQL's letter
    int compress_above_bytes;     // cache_ext.compress_above
    int copy_up_to_bytes;         // cache_ext.copy_up_to
    int workers;                  // cache_ext.workers
    int queue_size;               // cache_ext.queue_size
    int refresh_interval_ms;      // cache_ext.refresh_interval
    int warm_batch;               // cache_ext.warm_batch
    int warm_delay_ms;            // cache_ext.warm_delay
    int idle_below;               // cache_ext.idle_below
    int learned_keys;             // cache_ext.learned_keys
    int learn_interval_s;         // cache_ext.learn_interval
    int eviction;                 // cache_ext.eviction, a core::Eviction
    int max_pinned;               // cache_ext.max_pinned, percent of what is there for values
    int naptime_ms;               // cache_ext.naptime
    int refresh_timeout_ms;       // cache_ext.worker_statement_timeout
    int cancel_grace_ms;          // cache_ext.cancel_grace
    int suspend_after;            // cache_ext.suspend_after
    int suspend_time_ms;          // cache_ext.suspend_time
};

extern Settings settings;

// Thresholds of cache_health, all of them settings `cache_ext.health_...`; 0 switches the check
// off.
struct HealthSettings {
    int memory;           // percent of cache_ext.memory
    int max_caches;       // percent of cache_ext.max_caches
    int pinned;           // percent of what is there for values
    int min_reads;        // reads, fills or loads of a cache below which its shares say nothing
    int hit_ratio;        // percent of reads
    int evictions;        // percent of fills
    int bypasses;         // percent of reads
    int writer_rings;     // percent of reads
    int errors;           // percent of refreshes
    int queue;            // percent of cache_ext.queue_size
    int prepared_age_ms;  // of a prepared transaction
};

extern HealthSettings health_settings;

}  // namespace cache_ext::pg
