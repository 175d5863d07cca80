#include "pg/load/coverage.hpp"

#include <bit>

#include "pg/base/memory.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/load/gathering.hpp"
#include "pg/load/loader_inputs.hpp"
#include "pg/load/reads.hpp"
#include "pg/load/text_checks.hpp"
#include "pg/load/worker_reads.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "storage/sinval.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;

// What the relations of a load come to.
struct Coverage {
    const Definition* definition;
    uint64 disproven = 0;  // what was derived up to that one does not count
    Refusal refusal = {};
    bool tracked = false;  // something is, or is to be
    bool full = false;     // there is no room for more

    bool is_declared(Oid relation) const {
        return is_declared_for(definition->id, relation, disproven);
    }
};

// What keeps a value from being published at all counts for more than what bounds it to its ttl.
void note(Coverage* c, const Refusal& refusal) {
    const Bypass before = c->refusal.reason;
    if (before != Bypass::kNone && (!bounds_only(before) || bounds_only(refusal.reason))) return;
    c->refusal = refusal;
}

void note(Coverage* c, Bypass reason, Oid relation) {
    note(c, {.reason = reason, .object = relation});
}

enum class Content : uint8 { kGone, kNone, kTracked, kUntracked };

// Changes are known by the counts that heap tables keep.
Content content_of(Oid relation, bool* has_children) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    *has_children = false;
    if (!HeapTupleIsValid(tuple)) return Content::kGone;
    const auto* form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    *has_children = form->relhassubclass;
    Content content = Content::kUntracked;
    switch (form->relkind) {
        case RELKIND_VIEW:
            content = Content::kNone;
            break;
        case RELKIND_RELATION:
        case RELKIND_MATVIEW:
            if (form->relam == HEAP_TABLE_AM_OID && !IsCatalogRelationOid(relation)) {
                content = Content::kTracked;
            }
            break;
        case RELKIND_PARTITIONED_TABLE:
            content = Content::kTracked;
            break;
        default:
            break;
    }
    ReleaseSysCache(tuple);
    return content;
}

// Is somebody changing it so that plans have to be made anew? His messages may not be sent yet,
// although his commit can be seen.
bool is_being_changed(Oid relation) {
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
    int holders;
    pfree(GetLockConflicts(&tag, ShareUpdateExclusiveLock, &holders));
    return holders > 0;
}

// Relations that were dropped keep their places until these are needed.
bool forget_dropped_relations() {
    AcceptInvalidationMessages();
    auto* all = make_array<core::RelationKey>(store().max_tracked());
    const uint32 count = store().tracked_relations(MyDatabaseId, all);
    bool any = false;
    for (uint32 i = 0; i < count; ++i) {
        const auto relation = static_cast<Oid>(all[i]);
        if (is_gathering(relation)) continue;
        if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation))) continue;
        store().forget_relation(all[i]);
        any = true;
    }
    pfree(all);
    return any;
}

core::Xid next_xid() {
    return U64FromFullTransactionId(ReadNextFullTransactionId());
}

void track(Coverage* c, Oid relation) {
    const Definition* d = c->definition;
    const core::CacheIndex index = d->session->index;
    const core::RelationKey key = core::relation_key(MyDatabaseId, relation);
    if (store().is_tracked(key, index)) return;
    bool announced = !c->full && store().announce(key, index, d->id);
    if (!announced && !c->full && forget_dropped_relations()) {
        announced = store().announce(key, index, d->id);
    }
    if (!announced) {
        c->full = true;
        note(c, Bypass::kNoTrackingRoom, relation);
        return;
    }
    // Whoever comes from here on finds the cache when he commits. Of those who are there already
    // readers will have to see all, and this one has to have heard of what they have changed.
    if (is_being_changed(relation) || !store().complete(key, index, d->id, next_xid)) {
        note(c, Bypass::kNewlyTracked, relation);
    }
}

// What has been derived says too little of what the loader reads: all of that is tracked. Writers
// know so from here on, and readers will have to see all who had looked before. (Who is changing a
// relation that was declared tells of it whether or not that counts.)
void disprove(Coverage* c) {
    const Definition* d = c->definition;
    const core::CacheIndex index = d->session->index;
    c->tracked = true;
    if (!store().is_disproven(index, c->disproven) &&
        !store().disprove(index, d->id, c->disproven, next_xid)) {
        note(c, Bypass::kNewlyTracked, InvalidOid);
    }
}

// Returns whether there are partitions or children.
bool cover_one(Coverage* c, Oid relation) {
    bool has_children;
    const Content content = content_of(relation, &has_children);
    if (c->is_declared(relation)) return has_children;
    switch (content) {
        case Content::kNone:
            break;
        case Content::kGone:
            note(c, Bypass::kRedefinition, relation);
            break;
        case Content::kUntracked:
            note(c, Bypass::kUntracked, relation);
            break;
        case Content::kTracked:
            c->tracked = true;
            if (!pgstat_track_counts) note(c, Bypass::kTrackCounts, relation);
            track(c, relation);
            break;
    }
    return has_children;
}

// With its partitions and children: a plan names only those that it reads now.
void cover(Coverage* c, Oid relation) {
    if (!cover_one(c, relation)) return;
    List* all = find_all_inheritors(relation, NoLock, nullptr);
    ListCell* cell;
    foreach (cell, all) {
        if (lfirst_oid(cell) != relation) cover_one(c, lfirst_oid(cell));
    }
    list_free(all);
    // The plan may be of a snapshot that decided otherwise.
    if (!c->is_declared(relation) && is_being_detached_from(relation)) {
        note(c, Bypass::kRedefinition, relation);
    }
}

// Has nothing been announced since the load began that its plans may not have known?
bool nothing_announced_since(const Load& load) {
    AcceptInvalidationMessages();
    return SharedInvalidMessageCounter == load.messages;
}

// What was found covered by this session, with all its children, while nothing has moved that could
// change that: what is tracked, what is declared, and what this session has heard of catalogs.
struct CoveredKey {
    uint64 cache;
    Oid relation;
    uint32 unused;
};
HTAB* known_covered = nullptr;
struct Basis {
    uint64 tracked;
    uint64 definitions;
    uint64 messages;
    bool operator==(const Basis&) const = default;
};
Basis known_on = {};

Basis basis_now() {
    return {store().tracked_changes(), definitions_generation(), SharedInvalidMessageCounter};
}

bool is_known_covered(const Basis& basis, const Definition* d, Oid relation) {
    const CoveredKey key = {d->id, relation, 0};
    return known_covered != nullptr && known_on == basis && pgstat_track_counts &&
           hash_search(known_covered, &key, HASH_FIND, nullptr) != nullptr;
}

void note_covered(const Basis& basis, const Definition* d, Oid relation) {
    if (known_covered == nullptr || known_on != basis) {
        if (known_covered != nullptr) hash_destroy(known_covered);
        known_covered = nullptr;
        HASHCTL info = {};
        info.keysize = sizeof(CoveredKey);
        info.entrysize = sizeof(CoveredKey);
        known_covered =
            hash_create("cache_ext covered relations", 64, &info, HASH_ELEM | HASH_BLOBS);
        known_on = basis;
    }
    const CoveredKey key = {d->id, relation, 0};
    hash_search(known_covered, &key, HASH_ENTER, nullptr);
}

void cover_all(Coverage* c, const Load& load) {
    const Basis basis = basis_now();
    for_each_read(load, [&](Oid relation) {
        if (!is_known_covered(basis, c->definition, relation)) {
            cover(c, relation);
        } else if (!c->is_declared(relation)) {
            c->tracked = true;
        }
    });
    if (c->disproven != 0) disprove(c);
    // Something has become tracked since the load began, by this session or another one.
    if (c->tracked && store().tracked_changes() != load.tracked_changes &&
        (!nothing_announced_since(load) ||
         !store().usable(c->definition->session->index, *load.snapshot))) {
        note(c, Bypass::kNewlyTracked, InvalidOid);
    }
    // Functions have read in parallel workers. The next load will have none.
    if (queries_in_workers() != load.worker_queries) {
        core::store_relaxed(store().control(c->definition->session->index)->serial, true);
        note(c, Bypass::kNewlyTracked, InvalidOid);
    }
    if (c->refusal.reason != Bypass::kNone || basis != basis_now()) return;
    for_each_read(load, [&](Oid relation) { note_covered(basis, c->definition, relation); });
}

// In one word, which readers never see half of.
void remember(const Definition* d, const Refusal& refusal) {
    const uint64 now = refusal.reason == Bypass::kNone ? 0 : std::bit_cast<uint64>(refusal);
    uint64& last = store().control(d->session->index)->refused;
    if (core::load_relaxed(last) != now) core::store_relaxed(last, now);
}

// Where only what is declared counts, something else is found out, for health and cache_check, and
// nothing follows from it. It stays found until it is declared: other keys may not meet it.
void note_undeclared(const Definition* d, const Load& load) {
    const Refusal last = last_refusal(d);
    const bool stands =
        last.is_function || (OidIsValid(last.object) && !is_declared_for(d->id, last.object) &&
                             get_rel_relkind(last.object) != '\0');
    if (last.reason != Bypass::kNone && last.reason != Bypass::kSessionInput && stands) return;
    Refusal found = {.reason = load.met, .is_function = true, .object = load.met_object};
    for_each_read(load, [&](Oid relation) {
        bool has_children;
        if (is_declared_for(d->id, relation)) return;
        const Content content = content_of(relation, &has_children);
        if (content == Content::kNone || content == Content::kGone) return;
        found = {.reason = Bypass::kUntracked, .undeclared = true, .object = relation};
    });
    remember(d, found);
}

// A name that does not fit is cut where a character ends.
void remember_setting(const Definition* d, const char* setting) {
    char cut[core::kMaxAskedBytes] = "";
    if (setting != nullptr) {
        const auto size = static_cast<int>(strlen(setting));
        strlcpy(cut, setting,
                static_cast<size_t>(pg_mbcliplen(setting, size, sizeof(cut) - 1)) + 1);
    }
    store().set_asked(d->session->index, cut);
}

// nullptr: it is about something else.
const char* refused_setting(const Definition* d, const Refusal& refusal) {
    if (refusal.reason != Bypass::kSessionInput) return nullptr;
    char setting[core::kMaxAskedBytes];
    store().asked(d->session->index, setting);
    return setting[0] != '\0' ? pstrdup(setting) : nullptr;
}

// What it asks of the session that the key does not tell counts for whatever else it reads.
Bypass judge_session_reads(const Definition* d, const Load& load) {
    Asked asked = {load.asked, load.setting};
    const Bypass reason = load.asks_of_session ? Bypass::kSessionInput
                                               : text_asks_of_session(d, load.functions, &asked);
    if (reason == Bypass::kSessionInput) {
        remember_setting(d, asked.setting);
        remember(d, {.reason = reason, .is_function = true, .object = asked.function});
    }
    return reason;
}

}  // namespace

bool bounds_only(Bypass reason) {
    switch (reason) {
        case Bypass::kUntracked:
        case Bypass::kVolatileFunction:
        case Bypass::kTrackCounts:
        case Bypass::kNoTrackingRoom:
            return true;
        default:
            return false;
    }
}

bool is_tracked_instead(const Definition* d) {
    if (d->derivation == 0 || !store_ready()) return false;
    const core::CacheIndex index = store().find(MyDatabaseId, d->id);
    return index != core::kNoCache && store().is_disproven(index, d->derivation);
}

bool is_trackable(Oid relation) {
    ListCell* cell;
    foreach (cell, find_all_inheritors(relation, NoLock, nullptr)) {
        bool has_children;
        const Content content = content_of(lfirst_oid(cell), &has_children);
        if (content == Content::kUntracked) return false;
        if (get_rel_persistence(lfirst_oid(cell)) == RELPERSISTENCE_TEMP) return false;
    }
    return true;
}

Refusal last_refusal(const Definition* d) {
    const uint64 last = core::load_relaxed(store().control(d->session->index)->refused);
    return last == 0 ? Refusal{} : std::bit_cast<Refusal>(last);
}

const char* refusal_reason(const Refusal& refusal) {
    return refusal.undeclared ? "it is not declared" : bypass_text(refusal.reason);
}

const char* refused_object(const Definition* d, const Refusal& refusal) {
    if (const char* setting = refused_setting(d, refusal)) return setting;
    if (!OidIsValid(refusal.object)) return nullptr;
    if (refusal.is_function) {
        return get_func_name(refusal.object) == nullptr ? nullptr
                                                        : format_procedure(refusal.object);
    }
    ArrayType* name = qualified_name(refusal.object);
    return name != nullptr ? name_as_sql(name) : nullptr;
}

const char* refused_kind(const Definition* d, const Refusal& refusal) {
    if (!refusal.is_function) return "table";
    return refused_setting(d, refusal) != nullptr ? input_kind_name(InputKind::kSetting)
                                                  : "function";
}

void cover_reads(const Definition* d, Load* load) {
    const Bypass session = load->publishable ? judge_session_reads(d, *load) : Bypass::kNone;
    if (session != Bypass::kNone) {
        load->publishable = false;
        load->because = session;
    } else if (load->publishable && !d->tracks) {
        note_undeclared(d, *load);
    } else if (load->publishable && !TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        // (A transaction that has written publishes nothing, and is older than any floor that it
        // made.)
        Coverage c = {d, d->session->disproven ? d->derivation : 0};
        note(&c, {.reason = load->met, .is_function = true, .object = load->met_object});
        cover_all(&c, *load);
        remember(d, c.refusal);
        const Bypass reason = c.refusal.reason;
        if (reason != Bypass::kNone && !(d->untracked_too && bounds_only(reason))) {
            load->publishable = false;
            load->because = reason;
        }
    }
    if (load->relations != nullptr) hash_destroy(load->relations);
    load->relations = nullptr;
}

}  // namespace cache_ext::pg
