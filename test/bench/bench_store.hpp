// A store in memory of its own, for one thread: its locks do nothing.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "core/store.hpp"

namespace cache_ext::core::bench {

inline void no_lock(LockId) {}
inline constexpr LockTable kNoLocks = {no_lock, no_lock, no_lock};

inline Tag mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

// Sees every transaction.
inline Snapshot everything() {
    Snapshot s;
    s.xmin = s.xmax = Xid{1} << 40;
    return s;
}

class BenchStore {
  public:
    explicit BenchStore(std::size_t bytes, LockTable locks = kNoLocks,
                        Clock clock = {[] { return Millis{1000}; }})
        : block_(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)),
                 std::free) {
        if (!Store::format(block_.get(), bytes, StoreOptions{8})) {
            std::fprintf(stderr, "a store of %zu bytes cannot be made\n", bytes);
            std::exit(1);
        }
        store_ = Store(block_.get(), locks, clock);
    }
    Store& operator*() { return store_; }
    Store* operator->() { return &store_; }

  private:
    std::unique_ptr<std::byte, void (*)(void*)> block_;
    Store store_;
};

// One cache with 64-bit keys and values that nobody looks at.
class BenchCache {
  public:
    BenchCache(Store& store, std::uint64_t id, const Limits& limits) : store_(&store), id_(id) {
        bool created = false;
        index_ = store.attach(
            {1, id, mix(~id)}, [] { return Xid{3}; }, &created);
        store.trust(index_);
        store.set_limits(index_, limits);
    }
    CacheIndex index() const { return index_; }
    std::uint64_t id() const { return id_; }
    CacheControl& control() const { return *store_->control(index_); }

    static KeyView view(const std::uint64_t& key) {
        return {mix(key), reinterpret_cast<const std::uint8_t*>(&key), sizeof(key)};
    }
    // Without the copy, unless there is a buffer.
    bool get(std::uint64_t key, std::uint8_t* buffer = nullptr) const {
        return store_->lookup(index_, view(key), everything(), {buffer, UINT32_MAX, Detail::kServe})
                   .result == LookupResult::kHit;
    }
    PublishResult put(std::uint64_t key, std::uint32_t bytes, std::uint32_t load_us = 1000,
                      const Tag* tags = nullptr, std::uint32_t tag_count = 0,
                      Millis expires_at = kNever) const {
        static constexpr std::uint8_t kValue[1 << 20] = {};
        Fill fill;
        fill.cache = index_;
        fill.cache_id = id_;
        fill.key = view(key);
        fill.value = kValue;
        fill.value_bytes = bytes < sizeof(kValue) ? bytes : sizeof(kValue);
        fill.load_us = load_us;
        fill.tags = tags;
        fill.tag_count = tag_count;
        fill.expires_at = expires_at;
        fill.replace = true;
        return store_->publish(fill, everything());
    }

  private:
    Store* store_;
    std::uint64_t id_;
    CacheIndex index_;
};

}  // namespace cache_ext::core::bench
