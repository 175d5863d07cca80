#include "pg/ahead/hot_keys.hpp"

#include "pg/base/entries.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "common/hashfn.h"
#include "utils/hsearch.h"
}

namespace cache_ext::pg {
namespace {

// A cache that nobody has used for so many saves is forgotten: it may have been dropped.
constexpr uint32 kMostIdle = 2000;

bool hotter(const HotKey& a, const HotKey& b) {
    return a.score > b.score;
}

void keep_hottest(HotCache* c, uint32 most) {
    if (c->count <= most) return;
    std::nth_element(c->keys, c->keys + most, c->keys + c->count, hotter);
    c->count = most;
}

void add_key(HotCache* c, const HotKey& key, uint32 most) {
    if (c->count == c->capacity) {
        // Twice as many as are kept: sorting out is rare.
        if (c->keys != nullptr && c->capacity >= 2 * most) {
            keep_hottest(c, most);
        } else {
            const uint32 capacity = std::min(std::max<uint32>(64, c->capacity * 2), 2 * most);
            const size_t bytes = sizeof(HotKey) * size_t{capacity};
            c->keys = static_cast<HotKey*>(c->keys == nullptr
                                               ? MemoryContextAllocHuge(CurrentMemoryContext, bytes)
                                               : repalloc_huge(c->keys, bytes));
            c->capacity = capacity;
        }
    }
    c->keys[c->count++] = key;
}

// Scores of the old file, by cache and key.
struct OldScore {
    uint64 hash;  // of cache id and key: a collision costs a wrong score
    uint32 score;
    bool seen;  // the key is in the cache now
};

uint64 score_hash(uint64 cache_id, const uint8* key, uint32 bytes) {
    return hash_combine64(cache_id, hash_bytes_extended(key, static_cast<int>(bytes), 0));
}

struct Collection {
    HotCache* caches;  // the first max_caches by control block, then those of the file alone
    uint32 count;
    HTAB* old_scores;
    uint32 most;
};

void remember_old_scores(Collection* all, const HotKeyFile& old) {
    HASHCTL info = {};
    info.keysize = sizeof(uint64);
    info.entrysize = sizeof(OldScore);
    info.hcxt = CurrentMemoryContext;
    all->old_scores =
        hash_create("cache_ext scores", 1024, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    uint64 at = 0;
    FiledCache cache;
    const uint8* keys;
    while (next_cache(old, &at, &cache, &keys)) {
        HotKey key;
        for (const uint8 *k = keys, *end = keys + cache.bytes; next_key(&k, end, &key);) {
            const uint64 hash = score_hash(cache.cache_id, key.key, key.bytes);
            bool found;
            auto* score =
                static_cast<OldScore*>(hash_search(all->old_scores, &hash, HASH_ENTER, &found));
            score->score = key.score;
            score->seen = false;
        }
    }
}

// A snapshot for which nothing is in progress: what list() says of visibility is not used.
core::Snapshot any_snapshot() {
    core::Snapshot s = {};
    s.xmin = s.xmax = UINT64_MAX;
    return s;
}

void collect_entry(Collection* all, const core::EntryInfo& e, const uint8* bytes) {
    HotCache* c = &all->caches[e.cache];
    if (c->cache_id == 0) return;
    uint32 score = e.hits;
    const uint64 hash = score_hash(c->cache_id, bytes, e.key_bytes);
    auto* old = static_cast<OldScore*>(hash_search(all->old_scores, &hash, HASH_FIND, nullptr));
    if (old != nullptr) {
        old->seen = true;
        score += old->score / 2;
    }
    if (score == 0) return;
    auto* copy = static_cast<uint8*>(palloc(std::max<uint32>(1, e.key_bytes)));
    memcpy(copy, bytes, e.key_bytes);
    add_key(c, {score, e.key_bytes, copy}, all->most);
}

// Keys that were hot and are not in the cache just now.
void add_old_keys(Collection* all, const HotKeyFile& old) {
    uint64 at = 0;
    FiledCache cache;
    const uint8* keys;
    while (next_cache(old, &at, &cache, &keys)) {
        HotCache* c = nullptr;
        for (uint32 i = 0; i < store().max_caches() && c == nullptr; ++i) {
            HotCache& other = all->caches[i];
            if (other.cache_id == cache.cache_id && other.database == cache.database) c = &other;
        }
        // Not used since the server was started: its keys are as hot as they were.
        const bool in_use = c != nullptr;
        if (!in_use) {
            if (cache.idle >= kMostIdle) continue;
            c = &all->caches[all->count++];
            *c = {cache.database, cache.cache_id, cache.idle + 1, 0, 0, nullptr};
        }
        HotKey key;
        for (const uint8 *k = keys, *end = keys + cache.bytes; next_key(&k, end, &key);) {
            const uint64 hash = score_hash(cache.cache_id, key.key, key.bytes);
            auto* score =
                static_cast<OldScore*>(hash_search(all->old_scores, &hash, HASH_FIND, nullptr));
            if (score != nullptr && score->seen) continue;
            if (in_use) key.score /= 2;
            if (key.score > 0) add_key(c, key, all->most);
        }
    }
}

Collection collect() {
    const HotKeyFile old = read_hot_key_file();
    Collection all = {};
    all.most = static_cast<uint32>(settings.learned_keys);
    const uint32 capacity = store().max_caches() + caches_in(old);
    all.caches = static_cast<HotCache*>(palloc0(sizeof(HotCache) * capacity));
    all.count = store().max_caches();
    for (uint32 i = 0; i < all.count; ++i) {
        const core::CacheControl* c = store().control(i);
        all.caches[i].cache_id = core::load_relaxed(c->id);
        all.caches[i].database = c->database;
    }
    remember_old_scores(&all, old);
    auto* generations = make_array<uint32>(store().max_caches());
    for (uint32 i = 0; i < store().max_caches(); ++i) {
        generations[i] = core::load_relaxed(store().control(i)->generation);
    }
    for_each_entry(any_snapshot(), [&](const core::EntryInfo& e, const uint8* key) {
        collect_entry(&all, e, key);
    });
    // A control block that went to another cache meanwhile: whose keys these are nobody knows.
    for (uint32 i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        const bool same = core::load_relaxed(c->generation) == generations[i] &&
                          core::load_relaxed(c->id) == all.caches[i].cache_id;
        if (!same) all.caches[i].count = 0;
    }
    add_old_keys(&all, old);
    for (uint32 i = 0; i < all.count; ++i) {
        HotCache* c = &all.caches[i];
        keep_hottest(c, all.most);
        std::sort(c->keys, c->keys + c->count, hotter);
    }
    return all;
}

}  // namespace

void save_hot_keys() {
    if (!store_ready() || settings.learned_keys == 0) return;
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext hot keys", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    const Collection all = collect();
    write_hot_key_file(all.caches, all.count);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

CacheIds caches_with_hot_keys(Oid database) {
    CacheIds result = {};
    if (settings.learned_keys == 0) return result;
    const HotKeyFile file = read_hot_key_file();
    result.ids = make_array<uint64>(caches_in(file));
    uint64 at = 0;
    FiledCache cache;
    const uint8* keys;
    while (next_cache(file, &at, &cache, &keys)) {
        if (cache.database == database) result.ids[result.count++] = cache.cache_id;
    }
    return result;
}

HotKeys read_hot_keys(Oid database, uint64 cache_id) {
    HotKeys result = {};
    if (settings.learned_keys == 0) return result;
    const HotKeyFile file = read_hot_key_file();
    uint64 at = 0;
    FiledCache cache;
    const uint8* keys;
    while (next_cache(file, &at, &cache, &keys)) {
        if (cache.database != database || cache.cache_id != cache_id) continue;
        result.keys = static_cast<HotKey*>(MemoryContextAllocHuge(
            CurrentMemoryContext, sizeof(HotKey) * std::max<size_t>(1, cache.count)));
        const uint8* end = keys + cache.bytes;
        while (result.count < cache.count && next_key(&keys, end, &result.keys[result.count])) {
            ++result.count;
        }
        break;
    }
    return result;
}

}  // namespace cache_ext::pg
