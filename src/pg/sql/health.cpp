#include "pg/sql/health.hpp"

#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/leftovers.hpp"
#include "pg/base/memory.hpp"
#include "pg/pool/pool.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/declare/declaration.hpp"
#include "pg/load/coverage.hpp"
#include "pg/read/worth.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {

namespace {

using core::Bypass;
using core::Counter;

struct CacheCounts {
    const Definition* definition;
    core::CounterTotals totals;

    uint64 reads() const {
        return totals[Counter::kHits] + totals[Counter::kStaleHits] + totals[Counter::kMisses] +
               totals[Counter::kBypasses];
    }
    uint64 bypassed(Bypass reason) const { return totals.bypass[static_cast<uint32>(reason)]; }
};

struct Caches {
    CacheCounts* all;
    int count;
};

// Those whose counters the current user should see in full.
Caches visible_caches() {
    const int n = definition_count();
    Caches caches = {static_cast<CacheCounts*>(palloc0(sizeof(CacheCounts) * std::max(n, 1))), 0};
    if (store_ready()) find_control_blocks();
    for (int i = 0; i < n; ++i) {
        const Definition* d = definition_at(i);
        if (!may_see(d)) continue;
        CacheCounts* c = &caches.all[caches.count++];
        c->definition = d;
        if (store_ready() && d->session->index != core::kNoCache) {
            c->totals = store().control(d->session->index)->counters.totals();
        }
    }
    return caches;
}

// A share that each cache has of its own: the worst one is shown, those beyond the threshold are
// named. `share` returns false where there is too little to judge by.
using Share = bool (*)(const CacheCounts&, double* percent, const char** what);

HealthCheck check_shares(const char* name, const Caches& caches, int threshold, bool low_is_bad,
                         const char* fine, Share share) {
    HealthCheck check = {name};
    if (threshold > 0) check.threshold = threshold;
    Names names;
    for (int i = 0; i < caches.count; ++i) {
        double value;
        const char* what = nullptr;
        if (!share(caches.all[i], &value, &what)) continue;
        const bool worse = low_is_bad ? value < check.value : value > check.value;
        if (!check.measured || worse) check.value = value;
        check.measured = true;
        if (threshold == 0 || (low_is_bad ? value >= threshold : value < threshold)) continue;
        check.status = Status::kWarning;
        names.add(caches.all[i].definition, what);
    }
    check.detail = names.text(check.measured ? fine : "too few reads to judge by");
    return check;
}

bool enough(uint64 n) {
    return n > 0 && n >= static_cast<uint64>(health_settings.min_reads);
}

bool hit_share(const CacheCounts& c, double* value, const char** what) {
    *value = percent(c.totals[Counter::kHits], c.reads());
    *what = psprintf("%.1f %% of " UINT64_FORMAT " reads hit", *value, c.reads());
    return enough(c.reads());
}

bool eviction_share(const CacheCounts& c, double* value, const char** what) {
    const uint64 evictions = c.totals[Counter::kEvictions], fills = c.totals[Counter::kFills];
    *value = percent(evictions, fills);
    *what = psprintf(UINT64_FORMAT " evictions for " UINT64_FORMAT " fills", evictions, fills);
    return enough(fills);
}

bool bypass_share(const CacheCounts& c, double* value, const char** what) {
    const uint64 n = c.totals[Counter::kBypasses];
    uint32 first = 0;
    for (uint32 r = 1; r < core::kBypassReasons; ++r) {
        if (c.totals.bypass[r] > c.totals.bypass[first]) first = r;
    }
    *value = percent(n, c.reads());
    *what = psprintf("%.1f %% of " UINT64_FORMAT " reads, most of them because %s", *value,
                     c.reads(), bypass_text(static_cast<Bypass>(first)));
    return enough(c.reads());
}

bool ring_share(const CacheCounts& c, double* value, const char** what) {
    const uint64 old = c.bypassed(Bypass::kOldSnapshot), many = c.bypassed(Bypass::kUnseenWriters),
                 redefined = c.bypassed(Bypass::kRedefinition);
    *value = percent(old + many + redefined, c.reads());
    *what = psprintf("old snapshots " UINT64_FORMAT ", writers in progress " UINT64_FORMAT
                     ", redefinitions " UINT64_FORMAT " of " UINT64_FORMAT " reads",
                     old, many, redefined, c.reads());
    return enough(c.reads());
}

// Of refreshes: an error in a reader's session is the reader's.
bool error_share(const CacheCounts& c, double* value, const char** what) {
    const uint64 errors = c.totals[Counter::kErrors], refreshes = c.totals[Counter::kRefreshes];
    *value = percent(errors, errors + refreshes);
    char message[core::kMaxErrorBytes] = "";
    if (errors > 0) store().last_error(c.definition->session->index, message);
    *what = psprintf(UINT64_FORMAT " of " UINT64_FORMAT " refreshes failed, the last with: %s",
                     errors, errors + refreshes, message);
    return errors + refreshes > 0;
}

// Why every read of the cache runs the loader, or fails, or could mean another function; nullptr:
// nothing of that kind.
const char* declaration_fault(const Definition* d) {
    if (d->broken != nullptr) return d->broken;
    if (d->accessor_taken) return "its accessor is another function than it was declared with";
    if (d->loader_taken) return "its loader is another function than it was declared with";
    if (!OidIsValid(d->accessor)) return "its accessor was dropped";
    if (d->lapse == Lapse::kDropped || d->lapse == Lapse::kIncomplete) return d->lapse_text;
    if (d->loader_name != nullptr && !OidIsValid(d->loader)) return "its loader was dropped";
    if (d->loader_changed && d->aggregates) return "its loader is not the one that was made for it";
    if (d->loader_changed) return "its loader returns another type than it did";
    if (d->loader_volatile) return "its loader is VOLATILE";
    const char* beside = function_beside(d);
    return beside == nullptr ? nullptr
                             : psprintf("there is another %s, or it is another role's", beside);
}

HealthCheck check_declarations(const Caches& caches, List* left) {
    HealthCheck check = {"declarations"};
    Names names;
    for (int i = 0; i < caches.count; ++i) {
        const char* fault = declaration_fault(caches.all[i].definition);
        if (fault != nullptr) names.add(caches.all[i].definition, fault);
    }
    ListCell* cell;
    foreach (cell, left) {
        names.add(static_cast<char*>(lfirst(cell)), "it has an accessor, but is not declared");
    }
    check.measured = true;
    check.value = names.count();
    if (names.count() > 0) check.status = Status::kCritical;
    check.detail = names.text("all caches can be used as declared");
    return check;
}

HealthCheck check_suspension(const Caches& caches) {
    auto* all = make_array<const Definition*>(static_cast<size_t>(caches.count));
    for (int i = 0; i < caches.count; ++i) all[i] = caches.all[i].definition;
    return check_suspended(all, caches.count);
}

HealthCheck check_worth(const Caches& caches) {
    HealthCheck check = {"worth"};
    Names names;
    for (int i = 0; i < caches.count; ++i) {
        const Definition* d = caches.all[i].definition;
        const core::Worth* paused = paused_filling(d);
        if (paused == nullptr) continue;
        const core::Verdict v = paused->verdict();
        names.add(d, psprintf(UINT64_FORMAT " fills have cost %.1f ms and saved %.1f ms", v.fills,
                              static_cast<double>(v.cost_ns) / 1e6,
                              static_cast<double>(v.saved_ns) / 1e6));
    }
    check.measured = true;
    check.value = names.count();
    if (names.count() > 0) check.status = Status::kWarning;
    check.detail = names.text("every cache is filled");
    return check;
}

// What pinned caches of all databases hold, and whom that leaves without room.
HealthCheck check_pinned(const Caches& caches) {
    HealthCheck check = {"pinned"};
    const uint64 bytes = store().pinned_bytes(), all = store().stats().arena.capacity;
    check.measured = true;
    check.value = percent(bytes, all);
    if (health_settings.pinned > 0) {
        check.threshold = health_settings.pinned;
        if (check.value >= check.threshold) check.status = Status::kWarning;
    }
    Names names;
    for (int i = 0; i < caches.count; ++i) {
        const CacheCounts& c = caches.all[i];
        const core::CacheIndex index = c.definition->session->index;
        if (index == core::kNoCache) continue;
        const core::CacheIndex budget = core::load_relaxed(store().control(index)->budget);
        const uint64 evictions = c.totals[Counter::kEvictions],
                     refused = c.bypassed(Bypass::kNoMemory);
        const bool pinned = core::load_relaxed(store().control(budget)->pinned);
        if (pinned || evictions + refused == 0) continue;
        names.add(c.definition,
                  psprintf(UINT64_FORMAT " evictions, " UINT64_FORMAT " values found no memory",
                           evictions, refused));
    }
    check.detail = psprintf(UINT64_FORMAT " of " UINT64_FORMAT " kB are held by pinned caches%s%s",
                            bytes / 1024, all / 1024,
                            check.status == Status::kOk ? "" : ": others make room, ",
                            check.status == Status::kOk ? "" : names.text("none has had to yet"));
    return check;
}

HealthCheck check_untriggered(const Caches& caches) {
    HealthCheck check = {"untriggered"};
    Names names;
    for (int i = 0; i < caches.count; ++i) {
        const uint64 n = caches.all[i].totals[Counter::kUntriggered];
        if (n == 0) continue;
        check.value += static_cast<double>(n);
        names.add(caches.all[i].definition, psprintf(UINT64_FORMAT " changes", n));
    }
    check.measured = true;
    if (check.value > 0) check.status = Status::kWarning;
    check.detail = names.text("every change was noticed by a trigger");
    return check;
}

const char* status_text(Status status) {
    switch (status) {
        case Status::kOk:
            return "ok";
        case Status::kWarning:
            return "warning";
        case Status::kCritical:
            break;
    }
    return "critical";
}

void put_row(ReturnSetInfo* set, const HealthCheck& check) {
    Datum values[5] = {CStringGetTextDatum(check.name),
                       CStringGetTextDatum(status_text(check.status)), Float8GetDatum(check.value),
                       Float8GetDatum(check.threshold), CStringGetTextDatum(check.detail)};
    bool nulls[5] = {false, false, !check.measured, check.threshold < 0, false};
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_health_rows_1_0);
}

// What concerns caches is about those that the current user may see; what concerns the server, or
// others' transactions, is for members of pg_read_all_stats.
extern "C" Datum cache_health_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const HealthSettings& h = health_settings;
    notice_changed_names();
    const bool all = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
    put_row(set, check_preloaded());
    put_row(set, check_version());
    if (all && store_ready()) {
        put_row(set, check_memory());
        put_row(set, check_control_blocks());
        const PoolHealth pool = pool_health(InvalidOid);
        put_row(set, check_workers(pool));
        put_row(set, check_queue(pool));
    }
    if (all) put_row(set, check_prepared());
    // Looking may read definitions again, so before they are used.
    HealthCheck inputs = {"inputs"};
    if (store_ready()) inputs = check_inputs();
    const Caches caches = visible_caches();
    List* left = undeclared_caches(all);
    const HealthCheck triggers = check_triggers(all);
    if (caches.count == 0 && left == NIL && triggers.value == 0 && !all) PG_RETURN_VOID();
    put_row(set, check_declarations(caches, left));
    put_row(set, check_dependencies());
    put_row(set, triggers);
    if (!store_ready()) PG_RETURN_VOID();
    put_row(set, check_suspension(caches));
    put_row(set, check_worth(caches));
    if (all) put_row(set, check_pinned(caches));
    put_row(set, check_untriggered(caches));
    put_row(set, inputs);
    put_row(set, check_shares("hit_ratio", caches, h.hit_ratio, true,
                              "no cache is below the threshold", hit_share));
    put_row(set, check_shares("evictions", caches, h.evictions, false,
                              "no cache is beyond the threshold", eviction_share));
    put_row(set, check_shares("bypasses", caches, h.bypasses, false,
                              "no cache is beyond the threshold", bypass_share));
    put_row(set, check_shares("writer_rings", caches, h.writer_rings, false,
                              "no cache is beyond the threshold", ring_share));
    put_row(set, check_shares("loader_errors", caches, h.errors, false,
                              "no cache is beyond the threshold", error_share));
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
