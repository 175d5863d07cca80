// cache_health: what needs attention, and from when on.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

constexpr int kNamedCaches = 5;  // that a check names, of those it found

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

inline double percent(uint64 part, uint64 whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// --- parts of the view ---

// The server (health_server.cpp). Those of preloading, the version and prepared transactions
// do without the store.
struct PoolHealth;
HealthCheck check_preloaded();
HealthCheck check_version();
HealthCheck check_memory();
HealthCheck check_control_blocks();
HealthCheck check_workers(const PoolHealth& pool);
HealthCheck check_queue(const PoolHealth& pool);
HealthCheck check_prepared();

// Triggers of the tables that caches of the current user depend on, as they are and as they were
// made (health_triggers.cpp).
HealthCheck check_triggers();
// What these caches depend on: does it still mean what it did (health_dependencies.cpp)?
HealthCheck check_dependencies();
// Caches for which nothing is done in the background (suspended.cpp).
HealthCheck check_suspended(const Definition* const* definitions, int count);

}  // namespace cache_ext::pg
