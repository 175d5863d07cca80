// An oracle for many readers and writers at once, threads or processes. A transaction adds one to
// the version of a key, of a part or of the whole; a snapshot carries the versions that it sees, so
// it knows what a loader would return. Lies in memory that all of them map.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include "support/store.hpp"

namespace cache_ext::core::test {

struct World {
    static constexpr std::uint32_t kKeys = 8;
    static constexpr std::uint32_t kParts = 2;
    static constexpr std::uint32_t kThings = kKeys + kParts + 1;  // the last one is the whole
    static constexpr std::uint32_t kMostRunning = 16;

    struct View {
        Xid xmin, xmax;
        std::uint32_t running[kMostRunning];
        std::uint32_t running_count;
        std::uint64_t version[kThings];

        Snapshot snapshot() const { return {xmin, xmax, running, running_count}; }
        // The value of a key, for this snapshot.
        std::string load(std::uint32_t key) const {
            std::string value = std::to_string(key) + ":" + std::to_string(version[key]) + ":" +
                                std::to_string(version[kKeys + key % kParts]) + ":" +
                                std::to_string(version[kThings - 1]) + ":";
            return value.append(20 + key * 97, 'x');
        }
    };

    void start() {
        pthread_mutexattr_t shared;
        pthread_mutexattr_init(&shared);
        pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
        pthread_mutex_init(&mutex_, &shared);
        next_ = 3;
    }

    // 0: too many are running.
    Xid begin() {
        const Lock lock(&mutex_);
        if (running_count_ == kMostRunning) return 0;
        running_[running_count_++] = next_;
        return next_++;
    }
    void end(Xid xid, std::uint32_t thing, bool commit) {
        const Lock lock(&mutex_);
        *std::find(running_, running_ + running_count_, xid) = running_[running_count_ - 1];
        --running_count_;
        if (commit) ++version_[thing];
    }
    View view() {
        const Lock lock(&mutex_);
        View v;
        v.xmin = oldest();
        v.xmax = next_;
        v.running_count = running_count_;
        std::transform(running_, running_ + running_count_, v.running,
                       [](Xid xid) { return static_cast<std::uint32_t>(xid); });
        std::copy_n(version_, kThings, v.version);
        return v;
    }
    // Which of them have ended; returns the oldest that has not.
    Xid ended(const Xid* xids, std::uint32_t count, Xid* out, std::uint32_t* out_count) {
        const Lock lock(&mutex_);
        *out_count = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            Xid* const end = running_ + running_count_;
            if (std::find(running_, end, xids[i]) == end) out[(*out_count)++] = xids[i];
        }
        return oldest();
    }
    // No id is handed out while a cache is attached.
    CacheIndex attach(Store& store, std::uint64_t id, Tag whole) {
        const Lock lock(&mutex_);
        static thread_local Xid next;
        next = next_;
        bool created;
        return store.attach(
            {1, id, whole}, [] { return next; }, &created);
    }

  private:
    class Lock {
      public:
        explicit Lock(pthread_mutex_t* mutex) : mutex_(mutex) { pthread_mutex_lock(mutex_); }
        ~Lock() { pthread_mutex_unlock(mutex_); }
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

      private:
        pthread_mutex_t* mutex_;
    };
    Xid oldest() const {
        return running_count_ == 0 ? next_ : *std::min_element(running_, running_ + running_count_);
    }

    pthread_mutex_t mutex_;
    Xid next_;
    Xid running_[kMostRunning];
    std::uint32_t running_count_;
    std::uint64_t version_[kThings];
};

// One thread or process at work on one store and one world.
class Actor {
  public:
    Actor(Store store, World* world, std::uint64_t seed)
        : store_(store), world_(world), random_(seed) {}

    static constexpr std::uint64_t kId = 77;
    static Tag whole() { return mix(kId); }
    static Tag part(std::uint32_t p) { return mix(1000 + p); }
    static std::string key(std::uint32_t k) { return "key " + std::to_string(k); }
    static KeyView view_of(const std::string& key) {
        return {hash_of(kId, key), reinterpret_cast<const std::uint8_t*>(key.data()),
                static_cast<std::uint32_t>(key.size())};
    }

    std::uint64_t hits = 0, misses = 0, wrong = 0, published = 0, writes = 0;
    std::string first_wrong;

    // Some reads under one snapshot, which may have grown old by the last of them.
    void read() {
        const World::View view = world_->view();
        const CacheIndex cache = attached();
        if (cache == kNoCache) return;
        for (std::uint32_t n = random_() % 8; n-- > 0;) read(view, cache);
    }

    void write() {
        const Xid xid = world_->begin();
        if (xid == 0) return;
        ++writes;
        const auto thing = static_cast<std::uint32_t>(random_() % World::kThings);
        if (random_() % 64 != 0) {
            announce(thing, xid);
            for (std::uint64_t n = random_() % 3; n > 0; --n) read();
            world_->end(xid, thing, random_() % 8 != 0);
        } else {
            world_->end(xid, thing, false);
        }
    }

    void remove() {
        const std::string name = key(static_cast<std::uint32_t>(random_() % World::kKeys));
        const CacheIndex cache = attached();
        if (cache == kNoCache) return;
        if (random_() % 16 != 0) {
            store_.remove(cache, view_of(name));
        } else {
            store_.remove_all(cache);
        }
    }

    void sweep() {
        std::uint32_t cursor = 0;
        do store_.sweep(static_cast<std::uint32_t>(random_() % kPartitions), &cursor, 4);
        while (cursor != 0);
    }

    void release() {
        const CacheIndex cache = store_.find(1, kId);
        if (cache != kNoCache) store_.release(cache, kId);
    }

    // Another cache comes, fills the memory, and goes.
    void crowd(std::uint64_t id) {
        const CacheIndex cache = world_->attach(store_, id, mix(id));
        if (cache == kNoCache) return;
        store_.set_limits(cache, {100, 0, kNoCache});
        const std::string value(2000, 'c');
        const World::View view = world_->view();
        for (int i = 0; i < 150; ++i) {
            const std::string name = "crowd " + std::to_string(i);
            Fill fill;
            fill.cache = cache;
            fill.cache_id = id;
            fill.key = {hash_of(id, name), reinterpret_cast<const std::uint8_t*>(name.data()),
                        static_cast<std::uint32_t>(name.size())};
            fill.value = reinterpret_cast<const std::uint8_t*>(value.data());
            fill.value_bytes = static_cast<std::uint32_t>(value.size());
            store_.publish(fill, view.snapshot());
        }
        if (random_() % 4 == 0) store_.release(cache, id);
    }

  private:
    CacheIndex attached() {
        const CacheIndex known = store_.find(1, kId);
        return known != kNoCache ? known : world_->attach(store_, kId, whole());
    }

    void read(const World::View& view, CacheIndex cache) {
        const auto k = static_cast<std::uint32_t>(random_() % World::kKeys);
        const std::string name = key(k);
        std::uint8_t buffer[1024];
        const std::string expected = view.load(k);
        constexpr Detail kDetails[] = {Detail::kServe, Detail::kServeQuietly, Detail::kPeek};
        const Found found = store_.lookup(cache, view_of(name), view.snapshot(),
                                          {buffer, sizeof(buffer), kDetails[random_() % 3]});
        if (found.result == LookupResult::kHit) {
            ++hits;
            const std::string got(buffer, buffer + found.value_bytes);
            if (got != expected && wrong++ == 0) {
                first_wrong = got.substr(0, 20) + " instead of " + expected.substr(0, 20);
            }
            return;
        }
        ++misses;
        const Tag tags[] = {part(k % World::kParts)};
        Fill fill;
        fill.cache = cache;
        fill.cache_id = kId;
        fill.key = view_of(name);
        fill.value = reinterpret_cast<const std::uint8_t*>(expected.data());
        fill.value_bytes = static_cast<std::uint32_t>(expected.size());
        fill.tags = tags;
        fill.tag_count = 1;
        fill.calculated_at = store_.clock().now();
        if (random_() % 4 == 0) fill.expires_at = fill.calculated_at + 5;
        if (random_() % 4 == 0) fill.refresh_after = 2;
        published += store_.publish(fill, view.snapshot()) == PublishResult::kPublished ? 1 : 0;
    }

    void announce(std::uint32_t thing, Xid xid) {
        WrittenTag written = {whole(), TagKind::kWhole, random_() % 8 == 0, kNoCache};
        if (thing < World::kKeys) {
            written = {hash_of(kId, key(thing)), TagKind::kKey, false, kNoCache};
        } else if (thing < World::kThings - 1) {
            written = {part(thing - World::kKeys), TagKind::kPart, false, kNoCache};
        } else {
            written.cache = attached();
            if (written.cache == kNoCache) return;
        }
        Xid on_record[kMaxRunning], ended[kMaxRunning];
        const std::uint32_t count = store_.possibly_running(written, on_record);
        std::uint32_t ended_count;
        const Xid oldest = world_->ended(on_record, count, ended, &ended_count);
        store_.register_writer(written, xid, {ended, ended_count, oldest});
    }

    Store store_;
    World* world_;
    std::mt19937_64 random_;
};

}  // namespace cache_ext::core::test
