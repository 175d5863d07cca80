// Looking what there is to do in a database: values that are worth a refresh although nobody reads
// them just now.
#include "worker/workers.hpp"

#include "pg/pool/conduct.hpp"
#include "pg/pool/looks.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/reclaim.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace cache_ext::worker {
namespace {

constexpr uint32 kMostPerScan = 256;

struct Found {
    const pg::Definition* definition;
    uint32 owner;  // see Scan
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
    uint32* owners;                      // by control block: 0, 1, ...
    uint32* found_of;                    // by owner
    uint32 owner_count;
    Found* found;
    uint32 count;
    uint32 capacity;
};

bool more_valuable(const Found& a, const Found& b) {
    if (a.definition->priority != b.definition->priority) {
        return a.definition->priority > b.definition->priority;
    }
    if (a.hits != b.hits) return a.hits > b.hits;
    return a.load_us > b.load_us;
}

// The one that gives way to a value of this owner: the least valuable of whoever has most, if that
// is two more than his own; else of his own. nullptr: he has none.
Found* least(const Scan& scan, uint32 owner) {
    const uint32* most = std::max_element(scan.found_of, scan.found_of + scan.owner_count);
    const uint32 whose =
        *most >= scan.found_of[owner] + 2 ? static_cast<uint32>(most - scan.found_of) : owner;
    Found* worst = nullptr;
    for (uint32 i = 0; i < scan.count; ++i) {
        Found& f = scan.found[i];
        if (f.owner == whose && (worst == nullptr || more_valuable(*worst, f))) worst = &f;
    }
    return worst;
}

void consider(const core::Candidate& c, void* context) {
    auto* scan = static_cast<Scan*>(context);
    const pg::Definition* d = scan->definitions[c.cache];
    if (d == nullptr || c.key_bytes > pg::kMaxTaskKey) return;
    if (c.hits == 0 && d->priority <= 0) return;
    // What is not due yet waits for the next scan, if it lives to see its refresh point then.
    if (c.refresh_at > scan->now && c.expires_at > scan->next) return;
    const uint32 owner = scan->owners[c.cache];
    Found f = {d, owner, c.cache, c.hash, c.hits, c.load_us, c.refresh_at, c.expires_at, 0, {}};
    Found* place = &scan->found[scan->count];
    if (scan->count < scan->capacity) {
        ++scan->count;
    } else {
        place = least(*scan, owner);
        if (place == nullptr || (place->owner == owner && !more_valuable(f, *place))) return;
        --scan->found_of[place->owner];
    }
    ++scan->found_of[owner];
    *place = f;
    place->key_bytes = c.key_bytes;
    memcpy(place->key, c.key, c.key_bytes);
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
    scan.owners = static_cast<uint32*>(palloc0(sizeof(uint32) * pg::store().max_caches()));
    scan.found_of = static_cast<uint32*>(
        palloc0(sizeof(uint32) * static_cast<Size>(std::max(1, pg::definition_count()))));
    List* owners = NIL;
    for (int i = 0; i < pg::definition_count(); ++i) {
        const pg::Definition* d = pg::definition_at(i);
        const core::CacheIndex index = pg::store().find(MyDatabaseId, d->id);
        if (index == core::kNoCache || d->broken || pg::is_suspended(d->id)) continue;
        scan.definitions[index] = d;
        owners = list_append_unique_oid(owners, d->owner);
        scan.owners[index] = static_cast<uint32>(list_length(owners)) - 1;
        for (int o = 0; o < list_length(owners); ++o) {
            if (list_nth_oid(owners, o) == d->owner) scan.owners[index] = static_cast<uint32>(o);
        }
    }
    scan.owner_count = static_cast<uint32>(std::max(1, list_length(owners)));
    const core::Snapshot snapshot = pg::to_core(GetActiveSnapshot());
    for (uint32 p = 0; p < core::kPartitions; ++p) {
        CHECK_FOR_INTERRUPTS();
        pg::store().candidates({p, MyDatabaseId, next}, snapshot, {consider, &scan});
    }
    for (uint32 i = 0; i < scan.count; ++i) {
        const Found& f = scan.found[i];
        pg::Task task = pg::new_task(pg::TaskKind::kRefresh, task_cache(f.definition));
        task.index = f.index;
        task.due = std::max(now, f.refresh_at);
        task.deadline = f.expires_at;
        task.hash = f.hash;
        task.key_bytes = f.key_bytes;
        memcpy(task.key, f.key, f.key_bytes);
        if (pg::queue_task(task) == pg::Queued::kFull) break;
    }
}

void count_owners() {
    List* owners = NIL;
    for (int i = 0; i < pg::definition_count(); ++i) {
        owners = list_append_unique_oid(owners, pg::definition_at(i)->owner);
    }
    pg::note_owners(list_length(owners));
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
        refreshable = refreshable || pg::definition_at(i)->refreshes();
    }
    count_owners();
    const core::Millis next_load = std::min(resume_changed(now), schedule_loading(now));
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
