#include "pg/ahead/hot_keys.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "pg/base/entries.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "common/hashfn.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/hsearch.h"
}

namespace cache_ext::pg {
namespace {

constexpr const char* kFile = "pg_stat/cache_ext.keys";
constexpr const char* kNewFile = "pg_stat/cache_ext.keys.new";
constexpr char kMagic[8] = {'c', 'x', 'h', 'o', 't', 'k', 'e', 'y'};
constexpr uint32 kVersion = 1;
constexpr uint64 kMostBytes = uint64{1} << 30;
// A cache that nobody has used for so many saves is forgotten: it may have been dropped.
constexpr uint32 kMostIdle = 2000;

struct FileHeader {
    char magic[8];
    uint32 version;
    pg_crc32c crc;  // of what follows
    uint64 bytes;   // that follow
};

// Followed by `count` keys: KeyHeader and the key's bytes.
struct CacheHeader {
    Oid database;
    uint32 idle;  // saves since it was in use
    uint64 cache_id;
    uint32 count;
    uint32 bytes;
};

struct KeyHeader {
    uint32 score;
    uint32 bytes;
};

// The file's contents, checked; empty if there is no file or it is no good. palloc'ed.
struct Contents {
    const uint8* data;
    uint64 bytes;
};

void ignore_file(const char* why) {
    ereport(LOG, (errmsg("cache_ext: file \"%s\" is ignored: %s", kFile, why)));
}

constexpr uint64 kReadAtOnce = uint64{1} << 20;  // then the process may be interrupted

bool read_all(FILE* file, void* data, uint64 bytes) {
    auto* to = static_cast<uint8*>(data);
    while (bytes > 0) {
        CHECK_FOR_INTERRUPTS();
        const uint64 n = std::min(bytes, kReadAtOnce);
        if (fread(to, 1, n, file) != n) return false;
        to += n;
        bytes -= n;
    }
    return true;
}

Contents read_file() {
    FILE* file = AllocateFile(kFile, PG_BINARY_R);
    if (file == nullptr) {
        if (errno != ENOENT) ignore_file(strerror(errno));
        return {};
    }
    FileHeader header;
    uint8* data = nullptr;
    const char* why = nullptr;
    if (!read_all(file, &header, sizeof(header)) ||
        memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
        why = "it is not a list of keys";
    } else if (header.version != kVersion) {
        why = "it is of another version";
    } else if (header.bytes > kMostBytes) {
        why = "its size is wrong";
    } else {
        data = static_cast<uint8*>(
            MemoryContextAllocHuge(CurrentMemoryContext, std::max<uint64>(1, header.bytes)));
        pg_crc32c crc;
        INIT_CRC32C(crc);
        if (!read_all(file, data, header.bytes) || fgetc(file) != EOF) {
            why = "its size is wrong";
        } else {
            COMP_CRC32C(crc, data, header.bytes);
            FIN_CRC32C(crc);
            if (!EQ_CRC32C(crc, header.crc)) why = "its checksum is wrong";
        }
    }
    FreeFile(file);
    if (why == nullptr) return {data, header.bytes};
    ignore_file(why);
    return {};
}

// Walks the caches of a file; the lengths are bounded by what is there.
bool next_cache(const Contents& contents, uint64* at, CacheHeader* cache, const uint8** keys) {
    if (contents.bytes - *at < sizeof(CacheHeader)) return false;
    memcpy(cache, contents.data + *at, sizeof(*cache));
    *at += sizeof(*cache);
    if (cache->bytes > contents.bytes - *at) return false;
    *keys = contents.data + *at;
    *at += cache->bytes;
    return true;
}

bool next_key(const uint8** at, const uint8* end, HotKey* key) {
    KeyHeader header;
    if (static_cast<uint64>(end - *at) < sizeof(header)) return false;
    memcpy(&header, *at, sizeof(header));
    *at += sizeof(header);
    if (header.bytes > static_cast<uint64>(end - *at) || header.bytes > core::kMaxKeyBytes) {
        return false;
    }
    *key = {header.score, header.bytes, *at};
    *at += header.bytes;
    return true;
}

bool hotter(const HotKey& a, const HotKey& b) {
    return a.score > b.score;
}

// The keys of one cache while they are collected.
struct Collected {
    Oid database;
    uint64 cache_id;
    uint32 idle;
    uint32 count;
    uint32 capacity;
    HotKey* keys;
};

void keep_hottest(Collected* c, uint32 most) {
    if (c->count <= most) return;
    std::nth_element(c->keys, c->keys + most, c->keys + c->count, hotter);
    c->count = most;
}

void add_key(Collected* c, const HotKey& key, uint32 most) {
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
    Collected* caches;  // the first max_caches by control block, then those of the file alone
    uint32 count;
    HTAB* old_scores;
    uint32 most;
};

void remember_old_scores(Collection* all, const Contents& old) {
    HASHCTL info = {};
    info.keysize = sizeof(uint64);
    info.entrysize = sizeof(OldScore);
    info.hcxt = CurrentMemoryContext;
    all->old_scores =
        hash_create("cache_ext scores", 1024, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    uint64 at = 0;
    CacheHeader cache;
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
    Collected* c = &all->caches[e.cache];
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
void add_old_keys(Collection* all, const Contents& old) {
    uint64 at = 0;
    CacheHeader cache;
    const uint8* keys;
    while (next_cache(old, &at, &cache, &keys)) {
        Collected* c = nullptr;
        for (uint32 i = 0; i < store().max_caches() && c == nullptr; ++i) {
            Collected& other = all->caches[i];
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

uint32 caches_in(const Contents& contents) {
    uint32 n = 0;
    uint64 at = 0;
    CacheHeader cache;
    const uint8* keys;
    while (next_cache(contents, &at, &cache, &keys)) ++n;
    return n;
}

Collection collect() {
    const Contents old = read_file();
    Collection all = {};
    all.most = static_cast<uint32>(settings.learned_keys);
    const uint32 capacity = store().max_caches() + caches_in(old);
    all.caches = static_cast<Collected*>(palloc0(sizeof(Collected) * capacity));
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
        Collected* c = &all.caches[i];
        keep_hottest(c, all.most);
        std::sort(c->keys, c->keys + c->count, hotter);
    }
    return all;
}

struct Writer {
    FILE* file;
    pg_crc32c crc;
    uint64 bytes;
    bool failed;

    void write(const void* data, size_t size) {
        COMP_CRC32C(crc, data, size);
        bytes += size;
        failed = failed || fwrite(data, 1, size, file) != size;
    }
};

void write_cache(const Collected& c, Writer* w) {
    if (c.count == 0) return;
    CacheHeader header = {c.database, c.idle, c.cache_id, c.count, 0};
    for (uint32 i = 0; i < c.count; ++i) {
        header.bytes += static_cast<uint32>(sizeof(KeyHeader)) + c.keys[i].bytes;
    }
    w->write(&header, sizeof(header));
    for (uint32 i = 0; i < c.count; ++i) {
        const KeyHeader key = {c.keys[i].score, c.keys[i].bytes};
        w->write(&key, sizeof(key));
        w->write(c.keys[i].key, key.bytes);
    }
}

void write_file(const Collection& all) {
    Writer w = {AllocateFile(kNewFile, PG_BINARY_W), 0, 0, false};
    if (w.file == nullptr) {
        ereport(LOG, (errcode_for_file_access(),
                      errmsg("cache_ext: could not create file \"%s\": %m", kNewFile)));
        return;
    }
    INIT_CRC32C(w.crc);
    FileHeader header = {};
    w.failed = fwrite(&header, sizeof(header), 1, w.file) != 1;
    for (uint32 i = 0; i < all.count; ++i) write_cache(all.caches[i], &w);
    FIN_CRC32C(w.crc);
    memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.crc = w.crc;
    header.bytes = w.bytes;
    w.failed = w.failed || fseek(w.file, 0, SEEK_SET) != 0 ||
               fwrite(&header, sizeof(header), 1, w.file) != 1;
    if (FreeFile(w.file) != 0 || w.failed) {
        ereport(LOG, (errcode_for_file_access(),
                      errmsg("cache_ext: could not write file \"%s\": %m", kNewFile)));
        unlink(kNewFile);
        return;
    }
    durable_rename(kNewFile, kFile, LOG);
}

}  // namespace

void save_hot_keys() {
    if (!store_ready() || settings.learned_keys == 0) return;
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext hot keys", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    write_file(collect());
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

CacheIds caches_with_hot_keys(Oid database) {
    CacheIds result = {};
    if (settings.learned_keys == 0) return result;
    const Contents contents = read_file();
    result.ids = make_array<uint64>(caches_in(contents));
    uint64 at = 0;
    CacheHeader cache;
    const uint8* keys;
    while (next_cache(contents, &at, &cache, &keys)) {
        if (cache.database == database) result.ids[result.count++] = cache.cache_id;
    }
    return result;
}

HotKeys read_hot_keys(Oid database, uint64 cache_id) {
    HotKeys result = {};
    if (settings.learned_keys == 0) return result;
    const Contents contents = read_file();
    uint64 at = 0;
    CacheHeader cache;
    const uint8* keys;
    while (next_cache(contents, &at, &cache, &keys)) {
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
