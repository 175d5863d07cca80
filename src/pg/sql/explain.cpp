// cache_explain: what a read would do now, and the rule or the writer behind it.
#include "pg/catalog/arguments.hpp"
#include "pg/read/aggregate_reads.hpp"
#include "pg/read/bypass.hpp"
#include "pg/catalog/collations.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/group_tags.hpp"
#include "pg/read/fill.hpp"
#include "pg/read/read.hpp"
#include "pg/read/worth.hpp"
#include "pg/catalog/hard_writers.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/write/own_writes.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/load/coverage.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/key_text.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"
}

namespace cache_ext::pg {
namespace {

struct Explanation {
    const char* state;
    const char* reason;
    core::Xid writer;
};

const char* mask_text(ColumnMask mask, int columns) {
    StringInfoData s;
    initStringInfo(&s);
    for (int k = 0; k < columns; ++k) {
        if ((mask & (ColumnMask{1} << k)) == 0) continue;
        appendStringInfo(&s, "%s%d", s.len > 0 ? ", " : "key column ", k + 1);
    }
    return s.data;
}

const char* group_text(ColumnMask mask, const Bounds& bounds, int columns) {
    const char* keys = mask_text(mask, columns);
    if (!bounds.any()) return keys;
    const char* between =
        bounds.since == 0 ? psprintf("instants until key column %d", bounds.until)
        : bounds.until == 0
            ? psprintf("instants since key column %d", bounds.since)
            : psprintf("instants between key columns %d and %d", bounds.since, bounds.until);
    return mask == 0 ? between : psprintf("%s, %s", keys, between);
}

const char* tag_text(const Definition* d, const Key& key, core::Tag tag) {
    if (tag == whole_tag(d->cache_id())) return "whole cache";
    if (tag == key.view.hash) {
        return psprintf("key columns %s%s", shown_key(key.view.bytes, d->columns, d->key_types),
                        d->varies() ? " of sessions like this one" : "");
    }
    for (int i = 0; i < d->mask_count; ++i) {
        if (tag == group_tag(d, i, key.column_hash)) {
            return group_text(d->masks[i], d->bounds[i], d->columns);
        }
    }
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* other = definition_at(i);
        if (tag == whole_tag(other->cache_id())) return psprintf("whole cache %s", other->name);
    }
    return "key of a cache that the loader has read";
}

const char* rule_text(core::Rule rule) {
    switch (rule) {
        case core::Rule::kHard:
            return ", a change that older snapshots feel, too, is not visible yet";
        case core::Rule::kOverflow:
            return ", more writers were in progress at once than are told apart";
        case core::Rule::kWitness:
            return ", older writers are forgotten";
        case core::Rule::kUnrecorded:
            return ", a transaction is in progress that is older than what is known of the loader";
        case core::Rule::kNone:
        case core::Rule::kDisagreement:
        case core::Rule::kBlind:
            break;
    }
    return "";
}

const char* with(const char* text, const char* more) {
    return psprintf("%s: %s", text, more);
}

const char* blame_text(const Definition* d, const Key& key, const core::Blame& blame) {
    return psprintf("%s%s", tag_text(d, key, blame.tag), rule_text(blame.rule));
}

// Why the last load was not published that met something of the loader's own making; nullptr: it
// was.
const char* refusal_text(const Definition* d) {
    const Refusal last = last_refusal(d);
    if (last.reason == core::Bypass::kNone) return nullptr;
    if (!d->tracks && last.reason != core::Bypass::kSessionInput) return nullptr;
    // What a loader is made of is its owner's.
    const char* name = may_see(d) ? refused_object(d, last) : nullptr;
    const char* text = refusal_reason(last);
    return name != nullptr ? psprintf("%s (%s)", text, name) : text;
}

// What was derived for the cache does not count any more.
const char* with_tracking(const Definition* d, const char* reason) {
    if (!is_tracked_instead(d)) return reason;
    return psprintf("%s; what it reads is tracked since its loader changed, until cache_declare",
                    reason);
}

// A read that finds nothing to serve, because of `reason`: could it publish what it loads?
Explanation miss(const Definition* d, const Key& key, const core::Snapshot& snapshot,
                 const char* reason, core::Xid writer) {
    if (paused_filling(d) != nullptr && !core::in_sample(key.view.hash)) {
        return {"bypass", with(bypass_text(core::Bypass::kNotWorthIt), reason), 0};
    }
    const core::Blame fill = store().blame_for_fill(d->session->index, key.view, snapshot);
    const bool outrun = fill.rule != core::Rule::kNone;
    const bool kept = outrun && d->stale_ms > 0 && serves_outrun(d, snapshot);
    if (outrun && !kept && fill.rule != core::Rule::kBlind) {
        return {"bypass", with(bypass_text(core::Bypass::kOldSnapshot), blame_text(d, key, fill)),
                fill.xid};
    }
    core::Xid redefines;
    if (!messages_sent(d->session->index, snapshot, &redefines)) {
        return {"bypass", bypass_text(core::Bypass::kRedefinition), redefines};
    }
    const core::Bypass never = reason_not_to_fill(d);
    if (never != core::Bypass::kNone) return {"bypass", bypass_text(never), 0};
    core::Bypass not_published = core::Bypass::kNone;
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        not_published = core::Bypass::kTransactionWrote;
    } else if (kept) {
        reason = psprintf("%s; what is loaded will be served as an old value: %s", reason,
                          blame_text(d, key, fill));
        writer = fill.xid;
    } else if (fill.rule == core::Rule::kBlind) {
        not_published = core::Bypass::kUnseenWriters;
        writer = fill.xid;
    }
    if (const char* refusal = refusal_text(d)) {
        reason = psprintf("%s; the last load: %s", reason, refusal);
    }
    if (not_published != core::Bypass::kNone) {
        reason = psprintf("%s; not to be published: %s", reason, bypass_text(not_published));
    }
    return {"miss", reason, writer};
}

Explanation explain(const Definition* d, const Key& key, const core::Snapshot& snapshot,
                    const core::Found& found, const core::EntryTags& tags) {
    switch (found.result) {
        case core::LookupResult::kHit:
        case core::LookupResult::kTooSmall:
            if (own_write_below(d, tags)) {
                return {"bypass",
                        with(bypass_text(core::Bypass::kOwnWrite), what_was_changed(d, key)), 0};
            }
            return {"hit",
                    "every writer of its tags is seen alike by the value and by this snapshot", 0};
        case core::LookupResult::kStale:
            return {"stale",
                    "old, but not for longer than stale_for; a refresh is asked for, refresh_min "
                    "after the last load began",
                    0};
        case core::LookupResult::kExpired:
            return miss(d, key, snapshot,
                        found.over ? "the time that it holds for is over" : "its ttl has passed",
                        0);
        case core::LookupResult::kNotYet:
            return miss(d, key, snapshot, "it holds for transactions that began later", 0);
        case core::LookupResult::kAbsent:
            return miss(d, key, snapshot, "not in the cache", 0);
        case core::LookupResult::kContradicted:
        case core::LookupResult::kUnusable:
            break;
    }
    if (found.old) {
        return miss(d, key, snapshot,
                    "only good as an old value: who has written since it was computed is forgotten",
                    0);
    }
    core::EntryTags ignored;
    const core::Blame blame = store().blame(d->session->index, key.view, snapshot, &ignored);
    const char* what = blame_text(d, key, blame);
    if (found.result == core::LookupResult::kUnusable &&
        !(d->stale_ms > 0 && serves_outrun(d, snapshot))) {
        return {"bypass", with(bypass_text(core::Bypass::kOldSnapshot), what), blame.xid};
    }
    if (d->aggregates && blame.rule == core::Rule::kNone) {
        return miss(d, key, snapshot,
                    "rows that its least, greatest or first values came from may be gone, or a sum "
                    "does not fit",
                    0);
    }
    return miss(
        d, key, snapshot,
        with("a writer of its tags is seen by only one of the value and this snapshot", what),
        blame.xid);
}

Datum* text_array_items(const char* const* texts, int n) {
    auto* items = static_cast<Datum*>(palloc(sizeof(Datum) * std::max(1, n)));
    for (int i = 0; i < n; ++i) items[i] = CStringGetTextDatum(texts[i]);
    return items;
}

// Those of the declaration, then what the entry has taken over from other caches.
Datum tags_array(const Definition* d, const Key& key, const core::EntryTags& tags) {
    const char* texts[2 * core::kMaxTags + 4];
    int count = 0;
    const auto add = [&](core::Tag tag) { texts[count++] = tag_text(d, key, tag); };
    add(whole_tag(d->cache_id()));
    if (d->columns > 0) add(key.view.hash);
    for (int i = 0; i < d->mask_count; ++i) {
        add(group_tag(d, i, key.column_hash));
    }
    for (uint32 i = 0; i < tags.count; ++i) {
        const char* text = tag_text(d, key, tags.tag[i]);
        const auto known = [&](const char* t) { return strcmp(t, text) == 0; };
        if (std::none_of(texts, texts + count, known)) texts[count++] = text;
    }
    return PointerGetDatum(
        construct_array(text_array_items(texts, count), count, TEXTOID, -1, false, TYPALIGN_INT));
}

}  // namespace
}  // namespace cache_ext::pg

using namespace cache_ext;
using namespace cache_ext::pg;

extern "C" {
PG_FUNCTION_INFO_V1(cache_explain_1_0);
}

extern "C" Datum cache_explain_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Definition* d = named_cache(fcinfo);
    require_execute(d);
    KeyArguments arguments;
    key_arguments(fcinfo, 1, d, &arguments);
    Key key;
    encode_session_key(d, arguments.values, arguments.nulls, &key);

    Oid collation;
    core::Bypass bypass = has_own_collation(fcinfo, 1, d, &collation) ? core::Bypass::kCollation
                                                                      : bypass_reason(d, key);
    if (bypass == core::Bypass::kNone && control_block(d) == core::kNoCache) {
        bypass = core::Bypass::kNoControlBlock;
    }
    const core::Worth* paused = paused_filling(d);
    if (bypass == core::Bypass::kNone && paused != nullptr && looks_away(d) &&
        !core::in_sample(key.view.hash)) {
        bypass = core::Bypass::kNotWorthIt;
    }
    core::Found found;
    core::EntryTags tags = {};
    Explanation e = {"bypass", bypass_text(bypass), 0};
    if (bypass == core::Bypass::kOwnWrite) e.reason = with(e.reason, what_was_changed(d, key));
    const bool readable = store_ready() && d->session->index != core::kNoCache &&
                          ActiveSnapshotSet() && IsMVCCSnapshot(GetActiveSnapshot());
    if (readable) {
        const core::Snapshot snapshot = to_core(GetActiveSnapshot());
        store().blame(d->session->index, key.view, snapshot, &tags);
        core::EntryTags served;
        Datum value;
        found =
            d->aggregates
                ? find_amounts(d, key, snapshot, core::Detail::kInspect, &served, &value)
                : store().lookup(
                      d->session->index, key.view, snapshot,
                      {nullptr, UINT32_MAX, core::Detail::kInspect,
                       old_values(d, TransactionIdIsValid(GetTopTransactionIdIfAny())), &served});
        if (bypass == core::Bypass::kNone) {
            e = explain(d, key, snapshot, found, tags);
            e.reason = with_tracking(d, e.reason);
        }
    }

    Datum values[9] = {};
    bool nulls[9] = {false, false, true, true, true, true, false, true, true};
    values[0] = CStringGetTextDatum(e.state);
    values[1] = CStringGetTextDatum(e.reason);
    if (found.result != core::LookupResult::kAbsent) {
        nulls[2] = false;
        values[2] = TimestampTzGetDatum(from_millis(found.calculated_at));
        nulls[3] = found.expires_at == core::kNever;
        values[3] = TimestampTzGetDatum(from_millis(found.expires_at));
        nulls[4] = nulls[5] = false;
        values[4] = Int64GetDatum(found.hits);
        values[5] = Int64GetDatum(found.gross_bytes);
    }
    values[6] = tags_array(d, key, tags);
    const core::Xid writer = e.writer != 0 ? e.writer : found.last_writer;
    nulls[7] = writer == 0;
    values[7] = FullTransactionIdGetDatum(FullTransactionIdFromU64(writer));
    // What sessions are like is for the cache's owner only, whose expressions they are.
    if (d->varies() && is_owners(d)) {
        values[8] = inputs_as_array(d, key.view.bytes, key.view.size);
        nulls[8] = values[8] == 0;
    }
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    PG_RETURN_VOID();
}
