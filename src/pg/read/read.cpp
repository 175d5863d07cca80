#include "pg/read/read.hpp"

#include "pg/read/aggregate_reads.hpp"
#include "pg/read/bypass.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/read/fill.hpp"
#include "pg/load/coverage.hpp"
#include "pg/load/flights.hpp"
#include "pg/read/held.hpp"
#include "pg/read/worth.hpp"
#include "pg/write/puts.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/tasks.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/load/values.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;
using core::Counter;

constexpr int kMaxWaits = 2;  // of one read for loads of others

void warn_not_preloaded() {
    static bool warned = false;
    if (warned) return;
    warned = true;
    ereport(WARNING, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("cache_ext is not preloaded, so nothing is cached"),
                      errhint("Add this line to postgresql.conf and restart the server: "
                              "shared_preload_libraries = 'cache_ext'")));
}

ReadResult load_unpublished(const ReadRequest& request, const Key& key) {
    ReadResult result = not_published();
    if (request.definition->loader_name == nullptr) {
        result.source = Source::kNothing;
        return result;
    }
    const Definition* d = request.definition;
    const Loaded loaded =
        run_loader(d, request.arguments, request.nulls,
                   request.own_collation ? request.collation : d->loader_collation, key.view);
    result.value = loaded.value;
    result.is_null = loaded.is_null;
    return result;
}

void encode_key_of(const ReadRequest& request, const Definition* d, Key* key) {
    if (request.like != nullptr) {
        encode_key_like(d, request.arguments, request.nulls, *request.like, key);
    } else {
        encode_session_key(d, request.arguments, request.nulls, key);
    }
}

// The value that a hazard holds, for as long as a copy made now would last.
Datum use_held(const core::Found& found, core::Ref* hazard) {
    const Datum datum = PointerGetDatum(found.held);
    hold_for_context(hazard);
    if (!found.packed) return datum;
    const Datum copy = decompressed(datum);
    core::Store::let_go(hazard);  // the context has it until it is reset
    return copy;
}

bool may_hold(const ReadRequest& request) {
    return !request.copy && settings.copy_up_to_bytes >= 0;
}
bool is_large(const ReadRequest& request) {
    return request.size_hint > static_cast<uint32>(settings.copy_up_to_bytes);
}

// How much of a value to fetch ahead.
uint32 to_fetch(const ReadRequest& request) {
    const bool read = request.fetch_all || !may_hold(request) || !is_large(request);
    return read ? request.size_hint : 0;
}

// All but the value.
void take_found(const Definition* d, const Key& key, const core::Found& found,
                const core::EntryTags& tags, ReadResult* result) {
    result->is_null = found.is_null;
    result->value_bytes = found.value_bytes;
    result->calculated_at = found.calculated_at;
    result->expires_at = found.expires_at;
    result->source = found.result == core::LookupResult::kStale ? Source::kStale : Source::kCache;
    // When what was put ends (its ttl, eviction, a refresh) nobody registers as a writer.
    if (inside_load() && tags.put) spoil_outer();
    add_hit_to_outer(d, key, tags, found.expires_at);
}

// Serves what is cached. What fits the buffer is copied, and there is none if the value is expected
// to be large; the rest is used where it lies, if it may be held, and otherwise copied to a larger
// buffer.
core::Found serve_cached(const Definition* d, const Key& key, const core::Snapshot& snapshot,
                         const ReadRequest& request, core::EntryTags* tags, ReadResult* result) {
    const bool needs_tags = inside_load() || TransactionIdIsValid(GetTopTransactionIdIfAny());
    static uint32 uses = 0;
    const core::Detail detail =
        ++uses % core::kHitSample == 0 ? core::Detail::kServe : core::Detail::kServeQuietly;
    if (d->aggregates) {
        const core::Found found =
            find_amounts(d, key, snapshot, detail, needs_tags ? tags : nullptr, &result->value);
        if (found.result == core::LookupResult::kHit) take_found(d, key, found, *tags, result);
        return found;
    }
    uint64 by_value = 0;
    core::Ref* hazard = d->value_by_value || !may_hold(request) ? nullptr : free_hazard();
    uint32 room = d->value_by_value                        ? sizeof(by_value)
                  : hazard != nullptr && is_large(request) ? 0
                                                           : std::max(request.size_hint, 64U);
    for (;;) {
        uint8* buffer = d->value_by_value ? reinterpret_cast<uint8*>(&by_value)
                        : room > 0        ? static_cast<uint8*>(palloc(room))
                                          : nullptr;
        const core::Found found = store().lookup(
            d->session->index, key.view, snapshot,
            {buffer, room, detail, old_values(d, needs_tags), needs_tags ? tags : nullptr, hazard});
        if (found.result == core::LookupResult::kStale ||
            found.result == core::LookupResult::kHit) {
            if (d->value_by_value) {
                result->value = static_cast<Datum>(by_value);
            } else if (found.held != nullptr) {
                result->value = use_held(found, hazard);
            } else {
                result->value = PointerGetDatum(buffer);
                if (found.packed) result->value = open_value(d, result->value);
            }
            take_found(d, key, found, *tags, result);
            return found;
        }
        if (!d->value_by_value && buffer != nullptr) pfree(buffer);
        if (found.result != core::LookupResult::kTooSmall) return found;
        room = found.value_bytes;
    }
}

}  // namespace

// Inside a loader an old value would become part of another one.
core::OldValues old_values(const Definition* d, bool has_xid) {
    if (d->stale_ms > 0 && !inside_run()) {
        return has_xid ? core::OldValues::kStaleUnlisted : core::OldValues::kStale;
    }
    return has_xid ? core::OldValues::kNone : core::OldValues::kSame;
}

core::Found peek_cached(const Definition* d, const Key& key, const core::Snapshot& snapshot,
                        Datum* value) {
    if (d->aggregates) return find_amounts(d, key, snapshot, core::Detail::kPeek, nullptr, value);
    uint32 room = 1024;
    for (;;) {
        auto* buffer = static_cast<uint8*>(palloc(room));
        const core::Found found = store().lookup(d->session->index, key.view, snapshot,
                                                 {buffer, room, core::Detail::kPeek});
        if (found.result == core::LookupResult::kHit && !found.is_null) {
            *value = value_from_bytes(d, buffer, found.value_bytes);
        }
        pfree(buffer);
        if (found.result != core::LookupResult::kTooSmall) return found;
        room = found.value_bytes;
    }
}

LoadNeeded try_serve(const ReadRequest& request, Key* key, ReadResult* result) {
    const Definition* d = request.definition;
    *result = {};
    if (!request.encoded) encode_key_of(request, d, key);
    const LoadNeeded bypassed = request.never_load ? LoadNeeded::kNone : LoadNeeded::kUnpublished;
    if (!store_ready()) {
        warn_not_preloaded();
        return bypassed;
    }
    if (!request.encoded) store().prefetch(key->view.hash);
    if (const PutValue* put = find_pending_put(d, *key)) {
        spoil_outer();
        result->source = Source::kPut;
        result->calculated_at = now_ms();
        result->expires_at = put->expires_at(result->calculated_at);
        result->is_null = put->is_null;
        if (!put->is_null) result->value = value_from_bytes(d, put->bytes, put->size);
        return LoadNeeded::kNone;
    }

    Bypass reason = request.own_collation ? Bypass::kCollation : bypass_reason(d, *key);
    if (reason == Bypass::kNone && control_block(d) == core::kNoCache) {
        reason = Bypass::kNoControlBlock;
    }
    const bool paused =
        reason == Bypass::kNone && filling_paused(d) && !request.never_load && !request.fresh;
    if (paused && !worth_looking(d, *key)) reason = Bypass::kNotWorthIt;
    if (reason != Bypass::kNone) {
        if (request.never_load) spoil_outer();
        count_bypass(d, reason);
        return bypassed;
    }

    if (!request.encoded) store().prefetch(key->view.hash, to_fetch(request));
    const core::Snapshot snapshot = to_core(GetActiveSnapshot());
    check_outer_snapshot(snapshot);
    // What is put, and what is absent, has no writers that an outer value could be judged by.
    // What is due of it would be missed (core/due_puts.hpp).
    if (request.never_load || d->loader_name == nullptr ||
        (inside_load() && store().puts_are_due(d->id))) {
        spoil_outer();
    }
    if (!request.fresh) {
        core::EntryTags tags;
        const core::Found found = serve_cached(d, *key, snapshot, request, &tags, result);
        const bool served = result->source != Source::kNothing;
        if (served && own_write_below(d, tags)) {
            if (request.never_load) spoil_outer();
            count_bypass(d, Bypass::kOwnWrite);
            *result = {};
            return bypassed;
        }
        if (served) {
            count_hit(d, result->source == Source::kStale, *key, found.load_us);
            if (found.refresh_due) {
                const core::Millis deadline = found.expires_at == core::kNever
                                                  ? core::kNever
                                                  : found.expires_at + d->stale_ms;
                request_refresh({d->id, d->session->index, d->owner, d->priority}, key->view,
                                deadline);
            }
            return LoadNeeded::kNone;
        }
        if (found.result == core::LookupResult::kExpired) count(d, Counter::kExpirations);
    }
    if (request.never_load || d->loader_name == nullptr) {
        count(d, Counter::kMisses);
        return LoadNeeded::kNone;
    }
    if (paused && !worth_filling(d, *key)) {
        count_bypass(d, Bypass::kNotWorthIt);
        return LoadNeeded::kUnpublished;
    }
    return LoadNeeded::kFill;
}

bool would_serve(const Definition* d, const Datum* arguments, const bool* nulls) {
    if (!store_ready()) return false;
    Key key;
    encode_session_key(d, arguments, nulls, &key);
    if (find_pending_put(d, key) != nullptr) return true;
    if (bypass_reason(d, key) != Bypass::kNone || control_block(d) == core::kNoCache) return false;
    core::EntryTags tags;
    Datum value;
    const core::Snapshot snapshot = to_core(GetActiveSnapshot());
    const core::Found found =
        d->aggregates
            ? find_amounts(d, key, snapshot, core::Detail::kInspect, &tags, &value)
            : store().lookup(
                  d->session->index, key.view, snapshot,
                  {nullptr, UINT32_MAX, core::Detail::kInspect,
                   old_values(d, TransactionIdIsValid(GetTopTransactionIdIfAny())), &tags});
    const bool served =
        found.result == core::LookupResult::kHit || found.result == core::LookupResult::kStale;
    return served && !own_write_below(d, tags);
}

void load_one(const ReadRequest& request, LoadNeeded needed, Key* key, ReadResult* result) {
    const bool fills = needed == LoadNeeded::kFill;
    FillTimer timer;
    timer.begin(fills && !request.fresh);
    const core::Snapshot snapshot = fills ? to_core(GetActiveSnapshot()) : core::Snapshot{};
    const Definition* const d =
        fills ? definition_for_fill(request.definition, snapshot, 1) : nullptr;
    if (d == nullptr) {
        *result = load_unpublished(request, *key);
        return;
    }
    if (d != request.definition) encode_key_of(request, d, key);
    Load load;
    volatile bool loading = false;
    // Writers that register from now on tell what they add to it.
    const core::Seq account =
        d->aggregates ? open_account_for(d, *key, snapshot, request.leads) : core::Seq{0};
    PG_TRY();
    {
        enter_load(d, snapshot, &load);
        loading = true;
        timer.run_begins();
        Loaded loaded =
            run_loader(d, request.arguments, request.nulls, d->loader_collation, key->view);
        timer.run_ends();
        loading = false;
        loaded.account = account;
        leave_load(load, false);
        cover_reads(d, &load);
        complete_fill(d, *key, load, loaded, request.fresh, snapshot, result);
        timer.end(d, result->published ? 1 : 0, loaded.load_us);
    }
    PG_CATCH();
    {
        if (loading) leave_load(load, true);
        close_account_of(d, *key, account);
        fail_flight(d, key->view, snapshot);
        PG_RE_THROW();
    }
    PG_END_TRY();
}

ReadResult read_value(const ReadRequest& request) {
    Key key;
    ReadResult result;
    LoadNeeded needed = try_serve(request, &key, &result);
    // A value that somebody else has just loaded may still not be the one for this snapshot.
    Await others = Await::kNobody;
    for (int waits = 0; needed == LoadNeeded::kFill && waits < kMaxWaits; ++waits) {
        others =
            await_load(request.definition, key.view, to_core(GetActiveSnapshot()), !request.fresh);
        if (others != Await::kServeAgain) break;
        needed = try_serve(request, &key, &result);
    }
    if (needed != LoadNeeded::kNone) {
        ReadRequest load = request;
        load.leads = others == Await::kOthersWait;
        load_one(load, needed, &key, &result);
    }
    if (others == Await::kOthersWait) land(result.published);
    return result;
}

}  // namespace cache_ext::pg
