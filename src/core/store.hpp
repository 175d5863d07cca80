// The cache: entries of named caches in one block of shared memory, and the writers of their tags.
//
// A Store is a process-local handle on a formatted block. Every function may be called by any
// number of processes at once; the locks are taken inside (locks.hpp has the order), none is held
// on return, and a caller must hold none. Nothing here allocates from the heap, throws, or blocks
// except on these locks.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

#include "core/layout.hpp"

namespace cache_ext::core {

struct StoreOptions {
    std::uint32_t max_caches = 200;
    std::uint32_t readers = 0;  // processes that can hold values
};

// A key, encoded: one byte string per combination of arguments. `hash` is the tag of the full key:
// a hash of (database, cache id, key).
struct KeyView {
    Tag hash;
    const std::uint8_t* bytes;
    std::uint32_t size;
};

enum class LookupResult : std::uint8_t {
    kHit,
    kAbsent,
    kExpired,
    kContradicted,  // a writer of one of its tags is seen by only one of fill and reader
    kUnusable,      // the snapshot cannot judge the tags (and could not publish either)
    kStale,         // expired or contradicted, but not for longer than the cache allows: served
    kTooSmall       // valid, but larger than the buffer, and it may not be held
};

struct Found {
    LookupResult result = LookupResult::kAbsent;
    bool is_null = false;
    bool packed = false;                 // as Fill::packed
    const std::uint8_t* held = nullptr;  // the value where it lies, if it was not copied
    bool refresh_due = false;  // past its refresh point, and this call is the one that claimed it
    std::uint32_t value_bytes = 0;
    std::uint32_t load_us = 0;
    std::uint32_t hits = 0;
    std::uint32_t gross_bytes = 0;
    Millis calculated_at = 0;
    Millis expires_at = 0;
    Xid last_writer = 0;  // the newest one on record for the tags, in lookups that ask for details
};

enum class Detail : std::uint8_t {
    kServe,         // counts as a use: recency, hits, refresh claim
    kServeQuietly,  // the same while the entry is new; then only kServe counts, for kHitSample uses
    kPeek,          // changes nothing
    kInspect        // changes nothing, and fills in hits, gross_bytes and last_writer
};

// What an entry depends on, for a load that has read it.
struct EntryTags {
    std::uint32_t count = 0;
    Tag tag[kMaxTags + 2];
    bool is_key[kMaxTags + 2];
    CacheIndex cache[kMaxTags + 2];  // as Fill::tag_cache
};

// A finished load, ready to be published.
struct Fill {
    CacheIndex cache = kNoCache;
    std::uint64_t cache_id = 0;
    KeyView key = {};
    const std::uint8_t* value = nullptr;
    std::uint32_t value_bytes = 0;
    bool is_null = false;
    bool packed = false;        // what the bytes are, is the caller's affair
    const Tag* tags = nullptr;  // beyond the full key and the whole cache; at most kMaxTags
    const bool* tag_is_key = nullptr;
    const CacheIndex* tag_cache = nullptr;  // not kNoCache: the tag is that cache as a whole
    std::uint32_t tag_count = 0;
    Millis calculated_at = 0;
    Millis expires_at = kNever;
    std::uint32_t refresh_after = UINT32_MAX;  // ms after calculated_at
    std::uint32_t load_us = 0;
    Xid self = 0;          // counts as seen, see WriterRing::unseen_by
    bool replace = false;  // even an entry that is as good
};

enum class PublishResult : std::uint8_t {
    kPublished,
    kSuperseded,     // an entry that was computed later is there already
    kOversized,      // more than the budget holds, or more than a quarter of the block
    kNoMemory,       // nothing was left to evict
    kUnusable,       // the snapshot cannot judge the tags
    kUnseenWriters,  // it is blind to more writers than an entry remembers
    kNoCache         // the control block went to another cache meanwhile
};

enum class TagKind : std::uint8_t { kKey, kPart, kWhole };

// What a writer changed.
struct WrittenTag {
    Tag tag;
    TagKind kind;
    bool hard;              // kWhole only
    CacheIndex cache;       // kWhole: the control block
    bool borrowed = false;  // registered on behalf of another transaction
};

struct Limits {
    std::uint64_t max_entries;  // 0: not limited
    std::uint64_t max_bytes;    // 0: not limited
    CacheIndex budget;          // kNoCache: its own
    Millis stale_for = 0;       // how long values may be served after they became old
    bool put_only = false;      // see CacheControl
};

// An entry as the next load finds it, whether it may be served or not.
struct Predecessor {
    bool known = false;
    bool same = false;       // the same value
    bool unwritten = false;  // nobody has registered on its tags since it was published
    Millis ttl = kNever;
};

// Control blocks that one owner, or one database, may have; 0: as many as there are.
struct Quota {
    std::uint32_t owner = 0;  // whose the new one is to be; 0: not known, and not limited
    std::uint32_t per_owner = 0;
    std::uint32_t per_database = 0;
};

struct StoreStats {
    ArenaStats arena;
    std::uint64_t slots;
    std::uint64_t overhead_bytes;  // the block less the arena
    std::uint64_t retired_bytes;   // of the arena: kept only because somebody reads it
    std::uint64_t nodes;           // tags that entries carry
    std::uint64_t pages;           // of their nodes, in the arena
};

// One live entry as cache_entries shows it; `key` and `tags` point into the copy.
struct EntryInfo {
    CacheIndex cache;
    Tag hash;
    std::uint32_t key_bytes;
    std::uint32_t gross_bytes;
    std::uint32_t hits;
    Millis calculated_at;
    Millis expires_at;
    LookupResult result;  // what a read under the given snapshot would find
};

// A live entry that could be refreshed; `key` points into the block.
struct Candidate {
    CacheIndex cache;
    Tag hash;
    const std::uint8_t* key;
    std::uint32_t key_bytes;
    std::uint32_t hits;     // since it was filled
    std::uint32_t load_us;  // what its loader took
    Millis refresh_at;
    Millis expires_at;
};

// What keeps a key from being served from the cache, or a value for it from being published.
struct Blame {
    Rule rule = Rule::kNone;
    Tag tag = 0;
    Xid xid = 0;
};

class Store {
  public:
    // Rounds for itself; the arena gets what the tables leave.
    static std::size_t min_bytes(const StoreOptions& options);
    static bool format(void* block, std::size_t bytes, const StoreOptions& options);
    static std::uint32_t lock_count(const StoreOptions& options) {
        return kFirstBudgetLock + options.max_caches;
    }

    Store() = default;
    Store(void* block, LockTable locks, Clock clock);

    // --- registry (store.cpp) ---

    // Finds or makes the control block of a cache; kNoCache when all are taken, or those that the
    // quota allows. *created: it is
    // new, so it knows no writers yet and serves nobody for whom a transaction below next_xid() may
    // still be in progress, until the caller has registered those it must know of and calls
    // trust(). next_xid is asked under the registry lock, where no control block is to be had yet:
    // whoever looked for one before, in vain, lies below.
    CacheIndex attach(std::uint32_t database, std::uint64_t id, Tag whole_tag, Xid (*next_xid)(),
                      bool* created, Xid unsettled = kSettled, const Quota& quota = {});
    // Whose the cache is now; counts for the quotas of those that come.
    void set_owner(CacheIndex cache, std::uint64_t id, std::uint32_t owner);
    void trust(CacheIndex cache);
    // For good: some transaction below next_xid has changed the cache in a way nobody can name.
    // Contradicts the entries that are there.
    void distrust(CacheIndex cache, Xid next_xid);
    // The control block of a cache, kNoCache if it has none.
    CacheIndex find(std::uint32_t database, std::uint64_t id) const;
    // There was a moment when a writer may have found no control block, so a new one may have
    // missed writers.
    bool exhausted() const;
    void note_exhausted();
    void set_limits(CacheIndex cache, const Limits& limits);
    // Removes the entries, also those of other caches that have read this one as a whole, and gives
    // the control block back; of this generation only, unless that is 0.
    void release(CacheIndex cache, std::uint64_t id, std::uint32_t generation = 0);
    // What is known of a cache's declaration becomes `to` (CacheControl::unsettled), if it was
    // `from`, or whatever it was.
    void unsettle(CacheIndex cache, std::uint64_t id, Xid to);
    void settle(CacheIndex cache, std::uint64_t id, std::uint32_t generation, Xid from, Xid to);
    void release_database(std::uint32_t database);
    // Not locked: read only what layout.hpp calls atomic, and counters. For an index that is none,
    // a block of this process's own that nobody looks at.
    CacheControl* control(CacheIndex cache) const {
        return sound(cache < header_->max_caches) ? caches_ + cache : &nowhere_;
    }
    bool is(CacheIndex cache, std::uint64_t id) const {
        return cache < header_->max_caches && load_relaxed(caches_[cache].id) == id;
    }
    // Copies the hard writers on record (room for kMaxHard). False: there are others that it has
    // forgotten the names of.
    bool hard_writers(CacheIndex cache, Xid* out, std::uint32_t* count) const;
    // Those that it does not name any more lie below this; 0: it names them all.
    Xid lost_hard_below(CacheIndex cache) const;
    void set_last_error(CacheIndex cache, const char* message);
    void last_error(CacheIndex cache, char* out) const;  // kMaxErrorBytes
    void reset_stats(CacheIndex cache);

    // --- reading (lookup.cpp) ---

    // Looks the key up for snapshot s and copies the value into `buffer` if it may be served, and
    // all tags of its entry to `tags`, if given. kServeQuietly and kPeek without tags take no lock
    // unless they must; what is in the buffer after anything but a hit is undefined.
    // allow_stale: kStale is an answer, too; whoever gets it first, and only that one, is also told
    // refresh_due.
    // hazard: one of hazards(), in no use. A value that is too large for the buffer is then not
    // copied, but held: Found::held stays readable until let_go(hazard), whatever happens to the
    // entry. Only if Found::held is set is the hazard in use afterwards. Still kTooSmall are values
    // beyond a 64th of the arena, and all while more than a 16th of it is kept by readers alone.
    Found lookup(CacheIndex cache, const KeyView& key, const Snapshot& s, std::uint8_t* buffer,
                 std::uint32_t buffer_bytes, Detail detail, EntryTags* tags = nullptr,
                 bool allow_stale = false, Ref* hazard = nullptr) const;

    // The kHazards hazards of a process, nullptr if `reader` is not below StoreOptions::readers. No
    // two processes may use the same ones.
    Ref* hazards(std::uint32_t reader) const;
    static void let_go(Ref* hazard);

    // Where a lookup of the key will begin: asks the processor for it. Worth it if something else
    // is done in between.
    void prefetch(Tag hash) const {
        __builtin_prefetch(bucket(hash));
        __builtin_prefetch(slot_head(hash));
    }
    // Once the bucket has come: the lines of its first entry, with a value of about so many bytes.
    // Takes no lock.
    void prefetch(Tag hash, std::uint32_t value_bytes) const;

    // What is cached for the key, compared with a value that was just loaded.
    Predecessor predecessor(CacheIndex cache, const KeyView& key, const std::uint8_t* value,
                            std::uint32_t value_bytes, bool is_null) const;

    // Could a value computed under f be published for this whole cache? A cheap check before
    // loading.
    bool usable(CacheIndex cache, const Snapshot& f) const;

    // Lets the next reader past the refresh point claim the refresh again, `delay` ms from now at
    // the earliest.
    void release_refresh_claim(CacheIndex cache, const KeyView& key, Millis delay) const;

    // --- refreshing without a read (candidates.cpp) ---

    // Shows the entries of one partition and one database that s may be served, and whose refresh
    // point will have passed by `until` without anybody having claimed the refresh. The visitor
    // runs under the partition's lock: it must not block, allocate or fail.
    using CandidateVisitor = void (*)(const Candidate& candidate, void* context);
    void candidates(std::uint32_t partition, std::uint32_t database, const Snapshot& s,
                    Millis until, CandidateVisitor visit, void* context) const;
    // Claims the refresh of an entry as a reader would; false if it is gone, not due, has expired,
    // or somebody else has claimed it.
    bool claim_refresh(CacheIndex cache, const KeyView& key) const;

    // --- writing values (publish.cpp) ---

    PublishResult publish(const Fill& fill, const Snapshot& f);
    // Removes one entry; false if there was none.
    bool remove(CacheIndex cache, const KeyView& key);
    // Removes the entries of a cache, all or those that match; returns how many. The filter runs
    // under locks: it must not block, allocate or fail.
    using KeyFilter = bool (*)(const std::uint8_t* key, std::uint32_t size, void* context);
    std::uint64_t remove_all(CacheIndex cache, KeyFilter filter = nullptr, void* context = nullptr);
    // The same for one partition, for callers who must be able to stop in between.
    std::uint64_t remove_partition(CacheIndex cache, std::uint32_t partition);
    // Frees entries of a partition that have expired. Starts at bucket *cursor and stops after
    // about `max_entries`, or as much work on empty buckets; then *cursor is where to go on, 0 once
    // the partition has been walked.
    std::uint32_t sweep(std::uint32_t partition, std::uint32_t* cursor, std::uint32_t max_entries);

    // --- writers (tags.cpp) ---

    // Records xid as a writer. Must have returned before xid's commit can become visible. `ended`
    // is what the caller found out about the XIDs that possibly_running() listed. True: this also
    // keeps entries from being served that do not depend on the tag, but share its ring.
    bool register_writer(const WrittenTag& written, Xid xid, const Ended& ended);
    // XIDs on record for the tag that are not known to have ended; room for kMaxRunning.
    static constexpr std::uint32_t kMaxRunning = 2 * (kRingCapacity + kMaxLost + kMaxHard);
    std::uint32_t possibly_running(const WrittenTag& written, Xid* out) const;
    // Do two snapshots agree on every writer of a tag, leaving out `self`? The rule for a value
    // that is not in the cache (yet).
    bool agree(const WrittenTag& written, Xid self, const Snapshot& f, const Snapshot& s) const;
    // For announcements that carry no entries: may f rule out that a writer of this tag is unknown
    // to it, i.e. does it see all of them except `self`?
    bool all_seen(Tag tag, Xid self, const Snapshot& f, Xid* unseen, std::uint32_t* count) const;

    // --- watching (lookup.cpp) ---

    // The first ring that keeps the key from being served to s; where there is no entry, from being
    // filled. *tags: those of the entry, none if there is no entry.
    Blame blame(CacheIndex cache, const KeyView& key, const Snapshot& s, EntryTags* tags) const;
    // The same for a new entry of the key, its own tag and the whole cache.
    Blame blame_for_fill(CacheIndex cache, const KeyView& key, const Snapshot& f) const;

    // Copies up to `capacity` entries of one partition and their keys; returns how many there are.
    // Entries beyond the capacity, or whose key does not fit key_buffer, are only counted.
    std::uint32_t list(std::uint32_t partition, const Snapshot& s, EntryInfo* out,
                       std::uint32_t capacity, std::uint8_t* key_buffer,
                       std::uint32_t key_buffer_bytes, std::uint32_t* key_bytes_needed) const;
    StoreStats stats() const;
    std::uint32_t max_caches() const { return header_->max_caches; }
    Clock clock() const { return clock_; }
    // How this process evicts from now on, whoever put the entries. Processes may differ for a
    // while.
    void set_eviction(Eviction by) { eviction_ = by; }
    // An entry may take a quarter of the arena: no single value empties the cache, and what is in
    // the way of it can be cleared.
    std::size_t max_entry_bytes() const { return arena_.max_allocation() / 4; }
    // Larger values are not held.
    std::size_t max_value_bytes() const {
        return max_entry_bytes() - Entry::bytes_for(kMaxTags, kMaxUnseen, kMaxKeyBytes, 0);
    }
    // Walks everything: invariants hold (for tests; nobody else may be at work).
    bool check() const;
    // Once, by the process that formatted the block and the parent of all others. False: some page
    // could not be made read-only. Does nothing but in a guarded build.
    bool protect_guard_pages() const;

  private:
    struct Pins {  // tag nodes that a fill holds
        TagRef ref[kMaxTags];
        std::uint32_t generation[kMaxTags];  // of the control block, where it has no node
        std::uint32_t count;
    };

    // The low bits of a hash choose the partition, the next ones the place inside it.
    Ref* bucket(Tag hash) const {
        const std::size_t n = buckets_per_partition_;
        return buckets_ + partition_of(hash) * n + (hash / kPartitions & (n - 1));
    }
    std::size_t slot_index(Tag tag) const {
        const std::size_t n = slots_per_partition_;
        return partition_of(tag) * n + (tag / kPartitions & (n - 1));
    }
    WriterRing* slot(Tag tag) const { return slots_ + slot_index(tag); }
    SlotHead* slot_head(Tag tag) const { return slot_heads_ + slot_index(tag); }
    void slot_changed(Tag tag);  // partition lock, exclusive
    Ref* node_bucket(Tag tag) const;
    Partition* partition(Tag tag) const { return partitions_ + partition_of(tag); }
    Ref find_entry(CacheIndex cache, const KeyView& key) const;  // partition lock
    Ref find_node(Tag tag) const;                                // partition lock
    Ref make_node(Piece memory, Tag tag, bool is_key);           // partition lock, exclusive
    Piece take_node();                                           // no lock; evicts
    void give_node(Piece node);                                  // no lock
    void free_page(Ref page);                                    // arena lock
    bool drop_spare_page();                                      // no lock
    bool check_nodes(std::uint64_t* refs) const;
    LookupResult judge(const Entry& e, const Snapshot& s) const;
    bool lookup_unlocked(CacheIndex cache, const KeyView& key, const Snapshot& s,
                         std::uint8_t* buffer, std::uint32_t buffer_bytes, bool quiet, Ref* hazard,
                         Found* found) const;
    bool judge_unlocked(Ref ref, const Entry& e, const Snapshot& s) const;
    template <class Ring>
    static bool quick_unlocked(const Ring& ring, Seq seq, Xid xmin);
    // The tag behind a reference of a live entry, and its ring.
    Tag tag_of(const TagRef& ref) const;
    const WriterRing& ring_of(const TagRef& ref) const;
    void collect_tags(const Entry& e, EntryTags* tags) const;
    LookupResult judge_slowly(const Entry& e, const Snapshot& s) const;
    bool fresh_enough(const Entry& e, const Snapshot& s, Millis now) const;
    template <class Visit>
    bool all_rings(const Entry& e, Visit visit) const;
    Xid last_writer(const Entry& e) const;
    bool newest_state(const Entry& e) const;
    static bool has_room(const CacheControl& budget, std::uint64_t bytes, std::uint64_t freed);
    bool link(const Fill& fill, const Snapshot& f, Ref ref, std::uint32_t generation,
              const Pins& pins, bool anyway, Unseen* unseen, Ref* replaced,
              PublishResult* result);  // budget lock
    bool still(CacheIndex cache, std::uint32_t generation) const;
    bool still(const Pins& pins) const;
    bool unlink(Ref ref);  // partition lock, exclusive
    void bury(Ref ref);    // after unlink, without the budget lock
    void drop_contradicted(const WriterRecord* dropped, std::uint32_t count);
    bool has_bystander(Tag tag) const;  // partition lock

    Ref allocate(std::size_t bytes, Label label,
                 int max_rounds = INT_MAX);           // no lock; evicts wherever it must
    Ref take_memory(std::size_t bytes, Label label);  // arena lock
    void check_arena() const;                         // arena lock
    Ref clear_room(std::size_t bytes, Label label, std::uint64_t* in_vain);  // no lock
    bool obstacle_behind(Ref start, std::size_t gross) const;                // arena lock
    void release_memory(Ref ref);                                            // no lock
    void retire(Ref chain);                                                  // not the arena lock
    bool reap();                                                             // arena lock
    bool reap_now();                                                         // no lock
    bool held(Ref ref) const;
    void collect_held(HeldSet* set) const;
    // May a value of this size be held, rather than copied? What is held cannot be evicted.
    bool may_hold(std::uint32_t value_bytes) const {
        return value_bytes <= max_held_ && load_relaxed(header_->retired_bytes) <= max_retired_;
    }
    bool evict_one(CacheIndex budget);  // no lock
    bool evict_at(Ref ref, Tag hash);   // no lock
    bool evict_anywhere();              // no lock
    bool drop_ghosts();                 // no lock
    EvictionRules rules_of(const CacheControl& budget) const;
    bool evict_under_lock(CacheIndex budget, Ref* kept = nullptr);
    void forget_entry(Ref ref);            // budget lock; the memory is left to the caller
    void collect_dead(CacheIndex budget);  // budget lock
    void collect_all_dead();               // no lock
    std::uint64_t unlink_entries(CacheIndex cache, std::uint32_t p, KeyFilter filter,
                                 void* context);  // no lock
    CacheIndex heaviest_budget() const;
    void grow_ghosts(CacheIndex budget, std::uint64_t evictions);

    PublishResult pin(const Fill& fill, const Snapshot& f, Pins* pins, Unseen* unseen);
    void unpin(const TagRef* refs, std::uint32_t count);

    StoreHeader* header_ = nullptr;
    Partition* partitions_ = nullptr;
    std::uint32_t buckets_per_partition_ = 0;
    std::uint32_t slots_per_partition_ = 0;
    Ref* buckets_ = nullptr;
    Ref* node_buckets_ = nullptr;
    WriterRing* slots_ = nullptr;
    SlotHead* slot_heads_ = nullptr;
    HazardSet* hazards_ = nullptr;
    CacheControl* caches_ = nullptr;
    static CacheControl nowhere_;
    Arena arena_;
    std::uint64_t max_held_ = 0;
    std::uint64_t max_retired_ = 0;
    LockTable locks_ = {};
    Clock clock_ = {};
    Eviction eviction_ = Eviction::kLru;
};

}  // namespace cache_ext::core
