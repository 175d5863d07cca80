#include "pg/read/fill.hpp"

#include "core/early.hpp"
#include "pg/read/aggregate_reads.hpp"
#include "pg/read/bypass.hpp"
#include "pg/catalog/aggregates.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/hard_writers.hpp"
#include "pg/write/path_checks.hpp"
#include "pg/load/flights.hpp"
#include "pg/load/plans.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/tasks.hpp"
#include "pg/load/values.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {

namespace {

using core::Bypass;
using core::Counter;

Bypass reason_of(core::PublishResult result) {
    switch (result) {
        case core::PublishResult::kOversized:
            return Bypass::kOversized;
        case core::PublishResult::kNoMemory:
            return Bypass::kNoMemory;
        case core::PublishResult::kUnusable:
        case core::PublishResult::kOldUnusable:
            return Bypass::kOldSnapshot;
        case core::PublishResult::kUnseenWriters:
        case core::PublishResult::kOldUnseen:
            return Bypass::kUnseenWriters;
        case core::PublishResult::kNoCache:
            return Bypass::kNoControlBlock;
        case core::PublishResult::kPublished:
        case core::PublishResult::kSuperseded:
        case core::PublishResult::kChanged:
            break;
    }
    return Bypass::kNone;
}

// now() as the loader saw it: what it computed was right then, so its time to live begins there.
core::Millis transaction_now() {
    return transaction_start_ms();
}

// How long a value may live. Between ttl_min and ttl_max that adapts to the key: twice as long
// after a reload that found the value unchanged, half as long after one that found another (an
// adaptive TTL: Cate, "Alex - a global filesystem", 1992). A change that a writer announced says
// nothing about how long values hold.
core::Millis lifetime(const Definition* d, const Key& key, const ValueBytes& bytes, bool is_null) {
    if (is_null && d->null_ttl_ms >= 0) return d->null_ttl_ms;
    if (d->ttl_ms < 0) return core::kNever;
    if (d->ttl_min_ms == d->ttl_max_ms) return d->ttl_ms;
    const core::Predecessor old =
        store().predecessor(d->session->index, key.view, {bytes.data, bytes.size, is_null});
    core::Millis ttl = old.known && old.ttl != core::kNever ? old.ttl : d->ttl_ms;
    if (old.known && old.unwritten) ttl = old.same ? ttl * 2 : ttl / 2;
    return std::clamp(ttl, d->ttl_min_ms, d->ttl_max_ms);
}

// From when on a value is refreshed: the same share of its life as of the cache's ttl, and with
// refresh_beta not before chance has something to decide; in no case before `least`.
uint32 refresh_after(const Definition* d, core::Millis lifetime, uint32 load_us,
                     core::Millis least) {
    if (!d->refreshes() || lifetime == core::kNever) return UINT32_MAX;
    double after = static_cast<double>(least);
    if (d->refresh_after_ms != UINT32_MAX) {
        const double share =
            static_cast<double>(d->refresh_after_ms) / static_cast<double>(d->ttl_ms);
        after = std::max(after, share * static_cast<double>(lifetime));
    }
    if (d->refresh_beta != 0) {
        const uint32 early = core::early_after(d->refresh_beta, load_us, lifetime);
        after = std::max(after, static_cast<double>(early));
    }
    return after < UINT32_MAX ? static_cast<uint32>(after) : UINT32_MAX;
}

// Is it of use although nobody can judge it? As an old value, to be loaded again, or to those who
// have this very snapshot: this transaction, and who waits for this load.
bool worth_keeping(const Definition* d) {
    return d->stale_ms > 0 || d->limits.reloads || IsolationUsesXactSnapshot() || others_wait();
}

Bypass publish(const Definition* d, const Key& key, const Loaded& loaded, const ValueBytes& bytes,
               const Load& load, bool fresh, const core::Snapshot& snapshot, ReadResult* result) {
    if (!load.publishable) return load.because;
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) return Bypass::kTransactionWrote;
    const core::Period& period = load.tags.period;
    if (!period.holds(transaction_start_us()) || period.over(now_ms())) return Bypass::kOtherPeriod;
    if (now_ms() >= result->expires_at) return Bypass::kExpiredAtOnce;
    if (d->aggregates && loaded.amounts == nullptr) return Bypass::kNoAmount;
    core::Fill fill;
    fill.cache = d->session->index;
    fill.cache_id = d->id;
    fill.key = key.view;
    fill.value = bytes.data;
    fill.value_bytes = bytes.size;
    fill.is_null = loaded.is_null;
    fill.packed =
        !d->aggregates && !loaded.is_null && is_compressed(d, PointerGetDatum(bytes.data));
    if (d->aggregates) {
        fill.amounts = bytes.size / sizeof(core::Amount);
        fill.groups = loaded.groups;
        fill.account = loaded.account;
    }
    fill.tags = load.tags.tag;
    fill.tag_is_key = load.tags.is_key;
    fill.tag_cache = load.tags.cache;
    fill.tag_owner = load.tags.owner;
    fill.tag_ranged = load.tags.ranged;
    fill.tag_span = load.tags.span;
    fill.tag_count = load.tags.count;
    fill.calculated_at = result->calculated_at;
    fill.expires_at = result->expires_at;
    // What a new load would find before the period is over is over at the same time.
    const bool cut = result->expires_at == period.end();
    const auto load_ms = static_cast<core::Millis>(loaded.load_us / 1000);
    fill.refresh_from = now_ms() - load_ms + d->refresh_min(loaded.load_us);
    fill.refresh_after = refresh_after(d,
                                       result->expires_at == core::kNever || cut
                                           ? core::kNever
                                           : result->expires_at - result->calculated_at,
                                       loaded.load_us, fill.refresh_from - result->calculated_at);
    fill.early = d->refresh_beta != 0;
    fill.ahead = fresh;
    fill.keep = worth_keeping(d);
    fill.period = period;
    fill.load_us = loaded.load_us;
    const core::PublishResult published = store().publish(fill, snapshot);
    const bool old = published == core::PublishResult::kOldUnusable ||
                     published == core::PublishResult::kOldUnseen;
    result->published = published == core::PublishResult::kPublished ||
                        published == core::PublishResult::kSuperseded || old;
    if (published == core::PublishResult::kOversized) count(d, Counter::kOversized);
    // What others are served as an old value is no bypass.
    return old && d->stale_ms > 0 ? Bypass::kNone : reason_of(published);
}

}  // namespace

ReadResult not_published() {
    spoil_outer();
    ReadResult result;
    result.source = Source::kLoader;
    result.calculated_at = transaction_now();
    return result;
}

Bypass reason_not_to_fill(const Definition* d) {
    if (d->loader_volatile) return Bypass::kVolatileLoader;
    // Who writes to the partition tells of rows that count for some snapshots only.
    if (d->aggregates && d->detaching) return Bypass::kDetaching;
    const Bypass reason = bypass_for_lapse(d);
    if (reason != Bypass::kNone) return reason;
    if (!key_queries_hold(d)) return Bypass::kOutdatedPath;
    const Proof proof = proof_of_derived(d);
    // What does not follow any more from its loader's text does not count: all that the loader
    // reads is tracked instead (coverage.hpp).
    d->session->disproven = proof == Proof::kFails;
    const bool known = proof == Proof::kHolds || (proof == Proof::kFails && d->tracks);
    return known ? Bypass::kNone : Bypass::kOutdatedPath;
}

bool serves_outrun(const Definition* d, const core::Snapshot& snapshot) {
    return (d->stale_ms > 0 || d->limits.reloads || IsolationUsesXactSnapshot()) &&
           store().usable_as_old(d->session->index, snapshot);
}

const Definition* definition_for_fill(const Definition* d, const core::Snapshot& snapshot,
                                      uint32 reads) {
    // Publishing needs functions and definitions as they are for this snapshot: a transaction that
    // holds all its locks already is not told by anything else that somebody has replaced a loader.
    const bool usable = store().usable(d->session->index, snapshot) || serves_outrun(d, snapshot);
    core::Xid by;
    if (!usable || !messages_sent(d->session->index, snapshot, &by)) {
        for (uint32 i = 0; i < reads; ++i) {
            count_bypass(d, usable ? Bypass::kRedefinition : Bypass::kOldSnapshot);
        }
        return nullptr;
    }
    AcceptInvalidationMessages();
    const Definition* fresh = refresh_if_older(d);
    if (fresh == nullptr || control_block(fresh) == core::kNoCache) return nullptr;
    const Bypass reason = reason_not_to_fill(fresh);
    if (reason == Bypass::kNone) {
        renew_plans_after_ddl(fresh, snapshot);
        return fresh;
    }
    for (uint32 i = 0; i < reads; ++i) count_bypass(fresh, reason);
    return nullptr;
}

void complete_fill(const Definition* d, const Key& key, const Load& load, const Loaded& loaded,
                   bool fresh, const core::Snapshot& snapshot, ReadResult* result) {
    Load own = load;
    add_part_tags(d, key, &own);
    ValueBytes bytes = {};
    if (!d->aggregates) {
        stored_bytes(d, loaded.value, loaded.is_null, &bytes);
    } else if (const Aggregate* a = aggregate_of(d); a != nullptr && loaded.amounts != nullptr) {
        bytes.data = loaded.amounts;
        bytes.size = static_cast<uint32>(a->amount_count) * sizeof(core::Amount);
    }
    const core::Millis now = transaction_now();
    const core::Millis life = lifetime(d, key, bytes, loaded.is_null);
    own.tags.period = own.tags.period.meet(period_of(d->calendar, transaction_start_us()));
    const core::Millis end = std::min(own.expires_at, own.tags.period.end());
    *result = {
        .value = loaded.value,
        .is_null = loaded.is_null,
        .source = Source::kLoader,
        .published = false,
        .value_bytes = bytes.size,
        .calculated_at = now,
        .expires_at = std::min(life == core::kNever ? core::kNever : now + life, end),
    };

    if (!own.publishable) spoil_outer();
    add_load_to_outer(d, key, own, result->expires_at);

    count(d, Counter::kLoadMicros, loaded.load_us);
    const Bypass reason = publish(d, key, loaded, bytes, own, fresh, snapshot, result);
    if (!result->published) close_account_of(d, key, loaded.account);
    if (reason == Bypass::kNone) {
        if (!fresh) count(d, Counter::kMisses);
        count(d, Counter::kFills);
        forget_failures(d->id, key.view.hash);
        return;
    }
    if (settings.track) {
        store().control(d->session->index)->counters.bypassed(stripe(), reason);
    }
}

void count_repeated_read(const Definition* d, const ReadResult& first, uint32 load_us) {
    count(d, first.published ? Counter::kHits : Counter::kMisses);
    if (first.published) count(d, Counter::kSavedMicros, load_us);
}

}  // namespace cache_ext::pg
