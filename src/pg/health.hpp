// cache_health: what needs attention, and from when on.
#pragma once

#include "pg/postgres.hpp"

namespace cache_ext::pg {

enum class Status : uint8 { kOk, kWarning, kCritical };

// One row of cache_health.
struct HealthCheck {
    const char* name;
    Status status = Status::kOk;
    bool measured = false;  // else value is NULL: there is nothing yet to judge by
    double value = 0;
    double threshold = -1;  // negative: NULL
    const char* detail = nullptr;
};

// Thresholds, all of them settings `cache_ext.health_...`; 0 switches the check off.
struct HealthSettings {
    int memory;           // percent of cache_ext.memory
    int max_caches;       // percent of cache_ext.max_caches
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
void define_health_settings();

// --- parts of the view ---

// Triggers of the tables that caches of the current user depend on, as they are and as they were
// made (health_triggers.cpp).
HealthCheck check_triggers();
// What these caches depend on: does it still mean what it did (health_dependencies.cpp)?
HealthCheck check_dependencies();

}  // namespace cache_ext::pg
