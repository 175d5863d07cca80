// Looking what there is to do in a database: values that are worth a refresh although nobody reads
// them just now.
#include "worker/workers.hpp"

#include "pg/memory.hpp"
#include "pg/reclaim.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace cache_ext::worker {
namespace {

constexpr uint32 kMostPerScan = 256;

struct Found {
    const pg::Definition* definition;
    core::CacheIndex index;
    core::Tag hash;
    uint32 hits;
    uint32 load_us;
    core::Millis refresh_at;
    core::Millis expires_at;
    uint32 key_bytes;
    uint8 key[pg::kMaxTaskKey];
};

// The most valuable candidates so far. Filled in under a lock of the store: no allocation.
struct Scan {
    core::Millis now;
    core::Millis next;                   // scan
    const pg::Definition** definitions;  // by control block
    Found* found;
    uint32 count;
    uint32 capacity;
    uint32 worst;  // once it is full
};

bool more_valuable(const Found& a, const Found& b) {
    if (a.definition->priority != b.definition->priority) {
        return a.definition->priority > b.definition->priority;
    }
    if (a.hits != b.hits) return a.hits > b.hits;
    return a.load_us > b.load_us;
}

void consider(const core::Candidate& c, void* context) {
    auto* scan = static_cast<Scan*>(context);
    const pg::Definition* d = scan->definitions[c.cache];
    if (d == nullptr || c.key_bytes > pg::kMaxTaskKey) return;
    if (c.hits == 0 && d->priority <= 0) return;
    // What is not due yet waits for the next scan, if it lives to see its refresh point then.
    if (c.refresh_at > scan->now && c.expires_at > scan->next) return;
    Found f = {d, c.cache, c.hash, c.hits, c.load_us, c.refresh_at, c.expires_at, 0, {}};
    Found* place = &scan->found[scan->count];
    if (scan->count < scan->capacity) {
        ++scan->count;
    } else {
        place = &scan->found[scan->worst];
        if (!more_valuable(f, *place)) return;
    }
    *place = f;
    place->key_bytes = c.key_bytes;
    memcpy(place->key, c.key, c.key_bytes);
    if (scan->count < scan->capacity) return;
    scan->worst = 0;
    for (uint32 i = 1; i < scan->count; ++i) {
        if (more_valuable(scan->found[scan->worst], scan->found[i])) scan->worst = i;
    }
}

// Queues what is past its refresh point, or will be and would expire before the next scan.
void scan_entries(core::Millis now, core::Millis next) {
    Scan scan = {};
    scan.now = now;
    scan.next = next;
    // Half of the room is for readers.
    scan.capacity = std::min(kMostPerScan, pg::queue_room() / 2);
    if (scan.capacity == 0) return;
    scan.found = pg::make_array<Found>(scan.capacity);
    scan.definitions = pg::make_array<const pg::Definition*>(pg::store().max_caches());
    for (int i = 0; i < pg::definition_count(); ++i) {
        const pg::Definition* d = pg::definition_at(i);
        const core::CacheIndex index = pg::store().find(MyDatabaseId, d->id);
        if (index != core::kNoCache && !d->broken) scan.definitions[index] = d;
    }
    const core::Snapshot snapshot = pg::to_core(GetActiveSnapshot());
    for (uint32 p = 0; p < core::kPartitions; ++p) {
        CHECK_FOR_INTERRUPTS();
        pg::store().candidates(p, MyDatabaseId, snapshot, next, consider, &scan);
    }
    for (uint32 i = 0; i < scan.count; ++i) {
        const Found& f = scan.found[i];
        pg::Task task = pg::new_task(pg::TaskKind::kRefresh, f.definition);
        task.index = f.index;
        task.due = std::max(now, f.refresh_at);
        task.deadline = f.expires_at;
        task.hash = f.hash;
        task.key_bytes = f.key_bytes;
        memcpy(task.key, f.key, f.key_bytes);
        if (pg::queue_task(task) == pg::Queued::kFull) break;
    }
}

}  // namespace

void look() {
    const core::Millis now = pg::now_ms();
    // What is read anew settles what it can.
    if (pg::unsettled_here(pg::to_core(GetActiveSnapshot()))) pg::invalidate_definitions();
    pg::definitions_ready();
    const core::Millis interval = pg::settings.refresh_interval_ms;
    core::Millis next_scan = pg::scan_due();
    bool refreshable = false;
    for (int i = 0; i < pg::definition_count(); ++i) {
        refreshable = refreshable || pg::definition_at(i)->refresh_after_ms != UINT32_MAX;
    }
    const core::Millis next_load = schedule_loading(now);
    if (!refreshable || interval == 0) {
        pg::looked(next_load, 0);
        return;
    }
    if (next_scan != 0 && next_scan <= now) {
        scan_entries(now, now + interval);
        next_scan = 0;
    }
    // Also when the interval was shortened.
    if (next_scan == 0 || next_scan > now + interval) next_scan = now + interval;
    pg::looked(next_load, next_scan);
}

}  // namespace cache_ext::worker
