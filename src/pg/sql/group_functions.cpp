// cache_invalidate_group, cache_warm_group: what belongs to one value of a group, over all caches
// of the caller that have the group.
#include "pg/ahead/warm.hpp"
#include "pg/base/entries.hpp"
#include "pg/base/extension.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/snapshots.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/key_text.hpp"
#include "pg/read/bypass.hpp"
#include "pg/sql/invalidate.hpp"
#include "pg/sql/load_keys.hpp"
#include "pg/write/changes.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kFirstValue = 1;
constexpr int kRetries = 3;

// One cache, and what the group's value is there.
struct Member {
    uint64 id;
    core::CacheIndex index;
    KeyGroup group;
    KeyArguments arguments;  // the group's columns
    uint64 column_hash[kMaxKeyColumns];

    bool whole_key(const Definition* d) const { return group.mask == d->all_columns(); }
};

struct Members {
    int count;
    Member* all;
};

const KeyGroup* group_of(const Definition* d, const char* name) {
    for (int i = 0; i < d->group_count; ++i) {
        if (strcmp(d->groups[i].name, name) == 0) return &d->groups[i];
    }
    return nullptr;
}

[[noreturn]] void no_such_group(const char* name) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("no cache of yours has a group \"%s\"", name),
                    errhint("Caches are given groups by their option: cache_alter('...', "
                            "'{\"groups\": [\"%s: <column>\"]}'). For another role's, SET ROLE to "
                            "it.",
                            name)));
    pg_unreachable();
}

// Converting a value to the key's type runs the checks of a domain, as whoever calls. Nobody has
// named the caches here, so only the caller's own are meant, not all that he may use.
bool is_callers_own(const Definition* d) {
    return OidIsValid(d->accessor) && d->owner == GetUserId();
}

// Those of the current user, with the value converted to the types of each. ERROR 42704 if there
// are none. Conversions are users' code, so definitions are to be looked up again.
Members find_members(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("group name must not be null")));
    }
    const char* name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    require_extension();
    Members members = {0, make_array<Member>(static_cast<size_t>(definition_count()))};
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        const KeyGroup* group = d->broken == nullptr ? group_of(d, name) : nullptr;
        if (group == nullptr || !is_callers_own(d)) continue;
        Member& m = members.all[members.count++];
        m.id = d->id;
        m.group = *group;
    }
    if (members.count == 0) no_such_group(name);
    for (int i = 0; i < members.count; ++i) {
        Member& m = members.all[i];
        const Definition* d = known_cache(m.id);
        column_arguments(fcinfo, kFirstValue, d, m.group.columns, m.group.count, &m.arguments);
        for (int c = 0; c < m.group.count; ++c) {
            const int column = m.group.columns[c];
            m.column_hash[column] = hash_column(d->key_types[column], m.arguments.values[column],
                                                m.arguments.nulls[column]);
        }
        m.index = control_block(d);
    }
    return members;
}

// Is the key of that group? By hashes, as dependencies are.
bool is_of(const Definition* d, const Member& m, const KeyArguments& key) {
    for (int c = 0; c < m.group.count; ++c) {
        const int i = m.group.columns[c];
        if (hash_column(d->key_types[i], key.values[i], key.nulls[i]) != m.column_hash[i]) {
            return false;
        }
    }
    return true;
}

bool needs_walk(const Member& m, const Definition* d) {
    return m.index != core::kNoCache && !m.whole_key(d);
}

// Calls visit(definition, number of the member, entry, its key) for the entries of those members
// that are not found by their key alone. What it allocates goes.
template <class Visit>
void for_each_member_entry(const Members& members, Visit visit) {
    const auto walked = [](const Member& m) { return needs_walk(m, known_cache(m.id)); };
    if (std::none_of(members.all, members.all + members.count, walked)) return;
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext group", ALLOCSET_DEFAULT_SIZES);
    for_each_entry(to_core(GetActiveSnapshot()), [&](const core::EntryInfo& e, const uint8* bytes) {
        for (int i = 0; i < members.count; ++i) {
            const Member& m = members.all[i];
            if (m.index != e.cache) continue;
            const Definition* d = known_cache(m.id);
            if (!needs_walk(m, d)) continue;
            MemoryContext old = MemoryContextSwitchTo(scratch);
            KeyArguments key;
            decode_key(bytes, d->columns, d->key_types, key.values, key.nulls);
            if (is_of(d, m, key)) visit(d, i, core::KeyView{e.hash, bytes, e.key_bytes});
            MemoryContextSwitchTo(old);
            MemoryContextReset(scratch);
        }
    });
    MemoryContextDelete(scratch);
}

// Keys of one cache that are to be loaded, each once.
struct Wanted {
    HTAB* seen;  // by hash: what two keys have in common is loaded for one of them
    MemoryContext context;
    uint32 count;
    uint32 capacity;
    Datum* values;
    bool* nulls;
};

Wanted new_wanted() {
    HASHCTL info = {};
    info.keysize = info.entrysize = sizeof(core::Tag);
    info.hcxt = CurrentMemoryContext;
    Wanted w = {};
    w.seen =
        hash_create("cache_ext keys of a group", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    w.context = CurrentMemoryContext;
    return w;
}

template <class T>
T* enlarged(T* from, size_t count, size_t room) {
    T* to = make_array<T>(room);
    std::copy_n(from, count, to);
    return to;
}

// The columns of an encoded key; what sessions have added to it does not count.
void want(const Definition* d, const uint8* bytes, Wanted* w) {
    MemoryContext old = MemoryContextSwitchTo(w->context);
    KeyArguments decoded;
    decode_key(bytes, d->columns, d->key_types, decoded.values, decoded.nulls);
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, decoded.values, decoded.nulls, &key);
    bool found;
    hash_search(w->seen, &key.view.hash, HASH_ENTER, &found);
    if (!found) {
        const auto columns = static_cast<size_t>(d->columns);
        const size_t used = w->count * columns;
        if (w->count == w->capacity) {
            w->capacity = std::max<uint32>(64, w->capacity * 2);
            w->values = enlarged(w->values, used, w->capacity * columns);
            w->nulls = enlarged(w->nulls, used, w->capacity * columns);
        }
        std::copy_n(decoded.values, columns, w->values + used);
        std::copy_n(decoded.nulls, columns, w->nulls + used);
        ++w->count;
    }
    MemoryContextSwitchTo(old);
}

// Keys of it that are known without being in the cache: listed by warm_keys, or learnt.
void want_known(const Definition* d, const Member& m, Wanted* w) {
    if (!can_warm(d)) return;
    const WarmKeys known = collect_warm_keys(d, 0, w->context);
    for (uint32 i = 0; i < known.count; ++i) {
        KeyArguments key;
        decode_key(known.keys[i].bytes, d->columns, d->key_types, key.values, key.nulls);
        if (is_of(d, m, key)) want(d, known.keys[i].bytes, w);
    }
}

void load_wanted(FunctionCallInfo fcinfo, const Member& m, const Wanted& w) {
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    auto* reports = make_array<KeyReport>(w.count);
    load_keys({m.id, w.count, w.values, w.nulls, true, static_cast<uint32>(settings.warm_batch),
               kRetries, CurrentMemoryContext, reports});
    const Definition* d = known_cache(m.id);
    for (uint32 i = 0; i < w.count; ++i) {
        const size_t at = size_t{i} * static_cast<size_t>(d->columns);
        Key key;
        encode_key(d->cache_id(), d->columns, d->key_types, w.values + at, w.nulls + at, &key);
        const char* text = key_text(key.view.bytes, d->columns, d->key_types);
        const KeyReport& r = reports[i];
        Datum values[5] = {CStringGetTextDatum(d->name), 0, CStringGetTextDatum(r.outcome)};
        bool nulls[5] = {false, text == nullptr, false, r.sqlstate[0] == '\0',
                         r.message == nullptr};
        if (!nulls[1]) values[1] = CStringGetTextDatum(text);
        if (!nulls[3]) values[3] = CStringGetTextDatum(r.sqlstate);
        if (!nulls[4]) values[4] = CStringGetTextDatum(r.message);
        tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    }
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_group_1_0);
PG_FUNCTION_INFO_V1(cache_warm_group_1_0);
}

// cache_invalidate_group(name text, VARIADIC value "any") RETURNS bigint: the entries that have
// gone. All of the group counts as changed by this transaction, so that loads that run do not bring
// an old value back, whether their keys are known or not.
extern "C" Datum cache_invalidate_group_1_0(PG_FUNCTION_ARGS) {
    require_store("cache_invalidate_group");
    const Members members = find_members(fcinfo);
    int64 n = 0;
    GetTopTransactionId();
    for (int i = 0; i < members.count; ++i) {
        const Member& m = members.all[i];
        const Definition* d = known_cache(m.id);
        require_invalidating(d, "cache_invalidate_group");
        collect_change(d, m.group.mask, m.column_hash);
        if (m.whole_key(d)) n += invalidate_given(d, m.arguments.values, m.arguments.nulls);
    }
    for_each_member_entry(members, [&](const Definition*, int i, const core::KeyView& key) {
        if (store().remove(members.all[i].index, key)) ++n;
    });
    PG_RETURN_INT64(n);
}

// cache_warm_group(name text, VARIADIC value "any"): a row for each key
extern "C" Datum cache_warm_group_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    require_store("cache_warm_group");
    const Members members = find_members(fcinfo);
    auto* wanted = make_array<Wanted>(static_cast<size_t>(members.count));
    for (int i = 0; i < members.count; ++i) {
        const Member& m = members.all[i];
        const Definition* d = known_cache(m.id);
        wanted[i] = new_wanted();
        if (d->loader_name == nullptr) continue;
        require_publishing(d, "cache_warm_group");
        if (m.whole_key(d)) {
            Key key;
            encode_key(d->cache_id(), d->columns, d->key_types, m.arguments.values,
                       m.arguments.nulls, &key);
            want(d, key.view.bytes, &wanted[i]);
        } else {
            want_known(d, m, &wanted[i]);
        }
    }
    for_each_member_entry(members, [&](const Definition* d, int i, const core::KeyView& key) {
        if (d->loader_name != nullptr) want(d, key.bytes, &wanted[i]);
    });
    for (int i = 0; i < members.count; ++i) load_wanted(fcinfo, members.all[i], wanted[i]);
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
