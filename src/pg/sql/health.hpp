// cache_health: what needs attention, and from when on.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

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

// Collects the names of the caches that a check speaks of, the first few of them.
class Names {
  public:
    Names() { initStringInfo(&text_); }
    void add(const Definition* d, const char* what) { add(d->name, what); }
    void add(const char* cache, const char* what) {
        if (++count_ > kNamedCaches) return;
        appendStringInfo(&text_, "%s%s: %s", count_ > 1 ? ", " : "", cache, what);
    }
    int count() const { return count_; }
    const char* text(const char* none) {
        if (count_ > kNamedCaches) appendStringInfo(&text_, " and %d more", count_ - kNamedCaches);
        return count_ > 0 ? text_.data : none;
    }

  private:
    StringInfoData text_;
    int count_ = 0;
};

// Nobody waits for longer than that for a table that somebody changes while texts are analysed; to
// be ended by AtEOXact_GUC(true, ...).
int begin_short_waits();

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
// And those that nothing depends on any more, of tables of the current user, or of all.
HealthCheck check_triggers(bool all);
// What these caches depend on: does it still mean what it did (health_dependencies.cpp)?
HealthCheck check_dependencies();
// What else do their values depend on, and is it noticed (health_inputs.cpp)?
HealthCheck check_inputs();
// Caches for which nothing is done in the background (suspended.cpp).
HealthCheck check_suspended(const Definition* const* definitions, int count);

}  // namespace cache_ext::pg
