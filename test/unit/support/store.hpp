// A Store over memory of its own, and handles that make tests of it short to write.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/store.hpp"
#include "support/transactions.hpp"

namespace cache_ext::core::test {

// Locks of one process. A thread that breaks the order that locks.hpp demands aborts the test.
class TestLocks {
  public:
    static constexpr std::uint32_t kCount = kFirstBudgetLock + 256;

    static LockTable table() { return {shared, exclusive, release}; }
    // How many this thread has taken so far.
    static std::uint64_t& taken() {
        thread_local std::uint64_t n = 0;
        return n;
    }
    static void held(LockId id, bool is_exclusive) {
        ++taken();
        for (const Held& h : mine()) {
            const bool both_partitions = rank(h.id) == kPartitionRank && rank(id) == kPartitionRank;
            const bool allowed = both_partitions ? h.id != id && !h.is_exclusive && !is_exclusive
                                                 : rank(h.id) < rank(id);
            if (allowed) continue;
            std::fprintf(stderr, "lock order: %u requested while %u is held\n", id, h.id);
            std::abort();
        }
        mine().push_back({id, is_exclusive});
    }
    // Whether it was held exclusively.
    static bool forget(LockId id) {
        for (std::size_t i = mine().size(); i-- > 0;) {
            if (mine()[i].id != id) continue;
            const bool was_exclusive = mine()[i].is_exclusive;
            mine().erase(mine().begin() + static_cast<std::ptrdiff_t>(i));
            return was_exclusive;
        }
        std::fprintf(stderr, "lock %u released but not held\n", id);
        std::abort();
    }

  private:
    struct Held {
        LockId id;
        bool is_exclusive;
    };
    static constexpr int kPartitionRank = 3;
    static int rank(LockId id) {
        if (id == kArenaLock) return 4;
        if (id == kRegistryLock) return 0;
        if (id == kTrackedLock) return 1;
        return id >= kFirstBudgetLock ? 2 : kPartitionRank;
    }
    static std::vector<Held>& mine() {
        thread_local std::vector<Held> held;
        return held;
    }
    static std::shared_mutex& lock(LockId id) {
        static auto* locks = new std::shared_mutex[kCount];
        return locks[id];
    }
    static void shared(LockId id) {
        held(id, false);
        lock(id).lock_shared();
    }
    static void exclusive(LockId id) {
        held(id, true);
        lock(id).lock();
    }
    static void release(LockId id) {
        if (forget(id)) {
            lock(id).unlock();
        } else {
            lock(id).unlock_shared();
        }
    }
};

// Time stands still until a test moves it.
struct FakeClock {
    static inline Millis time = 1000;
    // When the reader's transaction began, if that is not now.
    static inline thread_local Millis reader = kNever;
    static Clock clock() {
        return {[] { return __atomic_load_n(&time, __ATOMIC_RELAXED); },
                [] {
                    const Millis now = __atomic_load_n(&time, __ATOMIC_RELAXED);
                    return (reader == kNever ? now : reader) * 1000;
                }};
    }
    static void set(Millis t) { __atomic_store_n(&time, t, __ATOMIC_RELAXED); }
    static void advance(Millis by) { __atomic_fetch_add(&time, by, __ATOMIC_RELAXED); }
};

inline Tag mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

inline Tag hash_of(std::uint64_t seed, const std::string& text) {
    Tag h = mix(seed);
    for (const char c : text) h = mix(h ^ static_cast<unsigned char>(c));
    return h;
}

// Another tag in the same partition, bucket and writer slot.
inline Tag neighbour(Tag tag, std::uint64_t n) {
    return tag + (n << 48);
}

// Sees all below `next` but the listed.
inline HeldSnapshot snapshot(Xid next, const std::vector<Xid>& running = {}) {
    return {running.empty() ? next : *std::min_element(running.begin(), running.end()), next,
            running};
}

// A registrant that knows nothing of other transactions, or that all below `oldest` have ended.
inline Ended ended_below(Xid oldest) {
    return {nullptr, 0, oldest};
}

struct Got {
    LookupResult result = LookupResult::kAbsent;
    std::string value;
    Found found;
    EntryTags tags;
};

struct TagSpec {
    Tag tag = 0;
    bool is_key = false;
    CacheIndex cache = kNoCache;
    bool ranged = false;
    Span span = {};
};

// What most fills leave as it is.
struct Options {
    std::vector<TagSpec> tags = {};
    Millis expires_at = kNever;
    std::uint32_t refresh_after = UINT32_MAX;
    Xid self = 0;
    bool replace = false;
    bool is_null = false;
    bool packed = false;
    std::uint32_t load_us = 17;
    Tag hash = 0;  // 0: made of the key
    Period period = Period::always();
    bool ahead = false;
    bool keep = false;
    Millis refresh_from = 0;
    bool early = false;
};

class TestStore {
  public:
    static constexpr std::uint32_t kReaders = 4;

    explicit TestStore(std::size_t bytes = std::size_t{4} << 20, std::uint32_t max_caches = 8)
        : bytes_(bytes), block_(static_cast<std::byte*>(std::aligned_alloc(64, bytes)), std::free) {
        std::memset(block_.get(), 0xA5, bytes);
        FakeClock::set(1000);
        FakeClock::reader = kNever;
        if (!Store::format(block_.get(), bytes, StoreOptions{max_caches, kReaders})) std::abort();
        store_ = Store(block_.get(), TestLocks::table(), FakeClock::clock());
    }
    Store& operator*() { return store_; }
    Store* operator->() { return &store_; }
    std::byte* block() { return block_.get(); }
    std::size_t bytes() const { return bytes_; }

  private:
    std::size_t bytes_;
    std::unique_ptr<std::byte, void (*)(void*)> block_;
    Store store_;
};

// For Store::attach.
template <Xid kXid>
Xid next_is() {
    return kXid;
}

// One cache of a store, attached and trusted.
class TestCache {
  public:
    TestCache(Store& store, std::uint64_t id, const Limits& limits = {0, 0, kNoCache},
              std::uint32_t database = 1)
        : store_(&store), id_(id), whole_(mix(id * 1000003)) {
        bool created = false;
        index_ = store.attach({database, id, whole_}, next_is<3>, &created);
        if (index_ == kNoCache) std::abort();
        if (created) store.trust(index_);
        store.set_limits(index_, limits);
    }
    CacheIndex index() const { return index_; }
    std::uint64_t id() const { return id_; }
    Tag whole() const { return whole_; }
    CacheControl& control() const { return *store_->control(index_); }

    Tag hash(const std::string& key) const { return hash_of(id_, key); }
    KeyView view(const std::string& key, Tag hash = 0) const {
        return {hash != 0 ? hash : this->hash(key),
                reinterpret_cast<const std::uint8_t*>(key.data()),
                static_cast<std::uint32_t>(key.size())};
    }

    PublishResult put(const std::string& key, const std::string& value, const Snapshot& f,
                      const Options& options = {}) const {
        Tag tags[kMaxTags];
        bool is_key[kMaxTags];
        CacheIndex caches[kMaxTags];
        bool ranged[kMaxTags];
        Span spans[kMaxTags];
        Fill fill;
        for (const TagSpec& t : options.tags) {
            tags[fill.tag_count] = t.tag;
            is_key[fill.tag_count] = t.is_key;
            ranged[fill.tag_count] = t.ranged;
            spans[fill.tag_count] = t.span;
            caches[fill.tag_count++] = t.cache;
        }
        fill.cache = index_;
        fill.cache_id = id_;
        fill.key = view(key, options.hash);
        fill.value = reinterpret_cast<const std::uint8_t*>(value.data());
        fill.value_bytes = static_cast<std::uint32_t>(value.size());
        fill.is_null = options.is_null;
        fill.packed = options.packed;
        fill.tags = tags;
        fill.tag_is_key = is_key;
        fill.tag_cache = caches;
        fill.tag_ranged = ranged;
        fill.tag_span = spans;
        fill.calculated_at = FakeClock::time;
        fill.expires_at = options.expires_at;
        fill.refresh_after = options.refresh_after;
        fill.early = options.early;
        fill.period = options.period;
        fill.load_us = options.load_us;
        fill.self = options.self;
        fill.replace = options.replace;
        fill.ahead = options.ahead;
        fill.keep = options.keep;
        fill.refresh_from = options.refresh_from;
        return store_->publish(fill, f);
    }
    Got get(const std::string& key, const Snapshot& s, Detail detail = Detail::kServe,
            Tag hash = 0) const {
        static constexpr std::uint32_t kRoom = 1 << 20;
        thread_local std::vector<std::uint8_t> buffer(kRoom);
        Got got;
        LookupOptions options = {buffer.data(), kRoom, detail};
        options.tags = &got.tags;
        got.found = store_->lookup(index_, view(key, hash), s, options);
        got.result = got.found.result;
        if (got.result == LookupResult::kHit) {
            got.value.assign(buffer.begin(), buffer.begin() + got.found.value_bytes);
        }
        return got;
    }
    // Without tags, so without a lock where there is a way.
    Got get_quietly(const std::string& key, const Snapshot& s, Detail detail) const {
        std::uint8_t buffer[4096];
        Got got;
        got.found = store_->lookup(index_, view(key), s, {buffer, sizeof(buffer), detail});
        got.result = got.found.result;
        if (got.result == LookupResult::kHit) {
            got.value.assign(buffer, buffer + got.found.value_bytes);
        }
        return got;
    }
    // Holds the value instead of copying it, however small it is.
    Found hold(const std::string& key, const Snapshot& s, Ref* hazard, EntryTags* tags = nullptr,
               bool allow_stale = false, Detail detail = Detail::kServeQuietly) const {
        return store_->lookup(
            index_, view(key), s,
            {nullptr, 0, detail, allow_stale ? OldValues::kStale : OldValues::kNone, tags, hazard});
    }
    LookupResult peek(const std::string& key, const Snapshot& s, Tag hash = 0) const {
        return get(key, s, Detail::kInspect, hash).result;
    }
    bool has(const std::string& key) const {
        return peek(key, snapshot(Xid{1} << 40)) != LookupResult::kAbsent;
    }

    void write_tag(Tag tag, TagKind kind, Xid xid, const Ended& ended = {}) const {
        store_->register_writer({tag, kind, false, kNoCache}, xid, ended);
    }
    void write_span(Tag tag, const Span& span, Xid xid, const Ended& ended = {}) const {
        WrittenTag written = {tag, TagKind::kPart, false, kNoCache};
        written.span = span;
        store_->register_writer(written, xid, ended);
    }
    void write(const std::string& key, Xid xid, const Ended& ended = {}) const {
        write_tag(hash(key), TagKind::kKey, xid, ended);
    }
    void write_whole(Xid xid, bool hard = false, const Ended& ended = {}) const {
        store_->register_writer({whole_, TagKind::kWhole, hard, index_}, xid, ended);
    }

  private:
    Store* store_;
    std::uint64_t id_;
    Tag whole_;
    CacheIndex index_;
};

// For 1.5 s, puts values of one letter under two keys, "a" (of A or B) and "b" (of C or D), over
// and over, and removes "a" now and then: memory goes from one to the other all the time.
inline void churn(Store& store, const TestCache& cache) {
    const HeldSnapshot all = snapshot(1000);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
    for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
        cache.put("a", std::string(3000, i % 2 == 0 ? 'A' : 'B'), all, {.replace = true});
        cache.put("b", std::string(3000, i % 2 == 0 ? 'C' : 'D'), all, {.replace = true});
        if (i % 3 == 0) store.remove(cache.index(), cache.view("a"));
    }
}
// Is this such a value, of one of the letters?
inline bool is_whole(const std::string& text, const std::string& letters) {
    return text.size() == 3000 && letters.find(text[0]) != std::string::npos &&
           text.find_first_not_of(text[0]) == std::string::npos;
}

// Entries that writers removed wait for the next holder of their budget's lock: be that holder.
inline void settle(Store& store) {
    const std::string key = "settle";
    for (CacheIndex i = 0; i < store.max_caches(); ++i) {
        CacheControl& c = *store.control(i);
        while (c.dead != kNullRef) {
            CacheIndex user = kNoCache;
            for (CacheIndex j = 0; j < store.max_caches(); ++j) {
                if (store.control(j)->budget == i && store.control(j)->id != 0) user = j;
            }
            ASSERT_NE(user, kNoCache);
            Fill fill;
            fill.cache = user;
            fill.cache_id = store.control(user)->id;
            fill.key = {2, reinterpret_cast<const std::uint8_t*>(key.data()),
                        static_cast<std::uint32_t>(key.size())};
            store.publish(fill, snapshot(Xid{1} << 40));
            store.remove(user, fill.key);
        }
    }
}

inline bool settled_check(Store& store) {
    settle(store);
    return store.check();
}

inline void PrintTo(const HeldSnapshot& s, std::ostream* out) {
    *out << "xmin " << s.xmin();
}

}  // namespace cache_ext::core::test

namespace cache_ext::core {

inline void PrintTo(LookupResult r, std::ostream* out) {
    static const char* const names[] = {"hit",      "absent",  "expired", "contradicted",
                                        "unusable", "not yet", "stale",   "too small"};
    *out << names[static_cast<int>(r)];
}
inline void PrintTo(PublishResult r, std::ostream* out) {
    static const char* const names[] = {
        "published",      "superseded",    "oversized",           "no memory", "unusable",
        "unseen writers", "old, unusable", "old, unseen writers", "no cache"};
    *out << names[static_cast<int>(r)];
}

}  // namespace cache_ext::core
