// The cache: entries of named caches in one block of shared memory, and the writers of their tags.
// This is the table of contents; each group of functions has a header, where its contract is.
//
// What it gives:
//   * A hit is exact for the reader's snapshot: it agrees with the one that computed the value on
//     every writer of what the value depends on (writers.hpp). Time to live and staleness, if they
//     are wanted, come on top.
//   * A hit on an entry that is often read takes no lock and writes nothing that is shared; what is
//     large is used where it lies.
//   * Registering a writer takes the lock of one partition for a moment, shared and then exclusive,
//     whatever is cached.
//   * Values of all sizes share the memory, and budgets bound who has how much of it. What is not
//     read goes first.
//
// What it costs:
//   * An entry: 72 bytes, 16 a tag, 8 for each writer that its fill did not see; 8 of the arena. A
//     tag that groups keys: 480 bytes, as long as entries carry it; twice that if it is ranged, and
//     16 more in each entry. An account: 64 bytes, and for each of 8 to 64 writers 24 and the
//     amounts.
//   * 4.4 % of a block of 128 MB for tables, in sizes that are fixed when it is formatted.
//   * What is forgotten of writers, for want of room, is answered with "not from the cache".
//   * A value that somebody holds is memory that nobody else gets.
//
// What holds:
//   * A Store is a process-local handle on a formatted block (block.hpp). Every function but
//     format() may be called by any number of processes at once; the locks are taken inside
//     (locks.hpp has the order), none is held on return, and a caller must hold none.
//   * Nothing here allocates from the heap, throws, or blocks except on these locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/account_view.hpp"
#include "core/blame.hpp"
#include "core/block.hpp"
#include "core/budgets.hpp"
#include "core/check.hpp"
#include "core/due_puts.hpp"
#include "core/hazards.hpp"
#include "core/listing.hpp"
#include "core/lookup.hpp"
#include "core/opening.hpp"
#include "core/prefetch.hpp"
#include "core/publish.hpp"
#include "core/refresh.hpp"
#include "core/registry.hpp"
#include "core/removal.hpp"
#include "core/tags.hpp"
#include "core/tracked.hpp"

namespace cache_ext::core {

class Store {
  public:
    // --- the block (block.hpp) ---

    static std::size_t min_bytes(const StoreOptions& options) { return Block::min_bytes(options); }
    static bool format(void* block, std::size_t bytes, const StoreOptions& options) {
        return Block::format(block, bytes, options);
    }
    static std::uint32_t lock_count(const StoreOptions& options) {
        return kFirstBudgetLock + options.max_caches;
    }

    Store() = default;
    Store(void* block, LockTable locks, Clock clock) : block_(block, locks, clock) {}

    // How this process evicts from now on, whoever put the entries. Processes may differ for a
    // while.
    void set_eviction(Eviction by) { block_.eviction = by; }
    // The same of how much pinned budgets may have together: percent of what is there for values.
    void set_max_pinned(std::uint32_t percent) {
        const std::uint64_t share = block_.arena.max_allocation() / 100 * percent;
        block_.max_pinned = percent < 100 ? share : UINT64_MAX;
    }
    std::uint64_t pinned_bytes() const { return weigh(block_).pinned_bytes; }
    // Where this process's chances come from: 64 evenly distributed bits a call.
    void set_random(std::uint64_t (*random)()) { block_.random = random; }
    bool protect_guard_pages() const { return block_.protect_guard_pages(); }
    Clock clock() const { return block_.clock; }
    std::uint32_t max_caches() const { return block_.header->max_caches; }
    std::size_t max_entry_bytes() const { return block_.max_entry_bytes(); }
    // Larger values are not cached.
    std::size_t max_value_bytes() const {
        return max_entry_bytes() - Entry::bytes_for(kMaxTags, kMaxUnseen, kMaxKeyBytes, 0);
    }
    StoreStats stats() const { return block_.stats(); }
    CacheControl* control(CacheIndex cache) const { return block_.control(cache); }
    bool is(CacheIndex cache, std::uint64_t id) const { return block_.is(cache, id); }

    // --- which cache owns which control block (registry.hpp) ---

    CacheIndex attach(const NewCache& cache, Xid (*next_xid)(), bool* created) {
        return core::attach(block_, cache, next_xid, created);
    }
    CacheIndex find(std::uint32_t database, std::uint64_t id) const {
        return find_cache(block_, database, id);
    }
    void set_owner(CacheIndex cache, std::uint64_t id, std::uint32_t owner) {
        core::set_owner(block_, cache, id, owner);
    }
    void set_limits(CacheIndex cache, const Limits& limits) {
        core::set_limits(block_, cache, limits);
    }
    bool exhausted() const { return core::exhausted(block_); }
    void note_exhausted() { core::note_exhausted(block_); }
    void unsettle(CacheIndex cache, std::uint64_t id, Xid to) {
        core::unsettle(block_, cache, id, to);
    }
    void settle(CacheIndex cache, const Settling& settling) {
        core::settle(block_, cache, settling);
    }
    void release(CacheIndex cache, std::uint64_t id, std::uint32_t generation = 0) {
        release_cache(block_, cache, id, generation);
    }
    void release_database(std::uint32_t database) { core::release_database(block_, database); }
    void set_last_error(CacheIndex cache, const char* message) {
        core::set_last_error(block_, cache, message);
    }
    void last_error(CacheIndex cache, char* out) const { core::last_error(block_, cache, out); }
    void set_asked(CacheIndex cache, const char* setting) {
        core::set_asked(block_, cache, setting);
    }
    void asked(CacheIndex cache, char* out) const { core::asked(block_, cache, out); }
    void reset_stats(CacheIndex cache) { core::reset_stats(block_, cache); }

    // --- reading (lookup.hpp, hazards.hpp, prefetch.hpp) ---

    // An entry with an account is given with deltas that are to be added: SeenDeltas.
    Found lookup(CacheIndex cache, const KeyView& key, const Snapshot& s,
                 const LookupOptions& options) const {
        return core::lookup(block_, cache, key, s, options);
    }
    void note_outcomes(CacheIndex cache, const KeyView& key, const Xid* xids,
                       const Outcome* outcomes, std::uint32_t count) const {
        core::note_outcomes(block_, cache, key, xids, outcomes, count);
    }
    NamedEntry name_entry(CacheIndex cache, const KeyView& key, const Snapshot& s,
                          Ref* hazard) const {
        return core::name_entry(block_, cache, key, s, hazard);
    }
    Predecessor predecessor(CacheIndex cache, const KeyView& key, const ValueView& value) const {
        return core::predecessor(block_, cache, key, value);
    }
    Ref* hazards(std::uint32_t reader) const { return hazards_of(block_, reader); }
    static void let_go(Ref* hazard) { core::let_go(hazard); }
    void prefetch(Tag hash) const { prefetch_bucket(block_, hash); }
    void prefetch(Tag hash, std::uint32_t value_bytes) const {
        prefetch_entry(block_, hash, value_bytes);
    }

    // --- refreshing without a read (refresh.hpp, listing.hpp) ---

    void candidates(const CandidateSearch& search, const Snapshot& s,
                    const CandidateVisitor& visitor) const {
        visit_candidates(block_, search, s, visitor);
    }
    bool claim_refresh(CacheIndex cache, const KeyView& key) const {
        return core::claim_refresh(block_, cache, key);
    }
    void release_refresh_claim(CacheIndex cache, const KeyView& key, Millis delay) const {
        core::release_refresh_claim(block_, cache, key, delay);
    }

    // --- writing values (publish.hpp, opening.hpp, removal.hpp) ---

    PublishResult publish(const Fill& fill, const Snapshot& f) {
        return core::publish(block_, fill, f);
    }
    bool remove(CacheIndex cache, const KeyView& key) { return remove_entry(block_, cache, key); }
    Opened open_account(const Opening& opening, const Snapshot& f) {
        return core::open_account(block_, opening, f);
    }
    void close_account(CacheIndex cache, const KeyView& key, Seq account) {
        core::close_account(block_, cache, key, account);
    }
    std::uint64_t remove_all(CacheIndex cache) { return core::remove_all(block_, cache); }
    std::uint64_t remove_partition(CacheIndex cache, std::uint32_t partition) {
        return core::remove_partition(block_, cache, partition);
    }
    std::uint32_t sweep(std::uint32_t partition, std::uint32_t* cursor, std::uint32_t max_entries) {
        return core::sweep(block_, partition, cursor, max_entries);
    }

    // --- writers (tags.hpp) ---

    bool register_writer(const WrittenTag& written, Xid xid, const Ended& ended) {
        return core::register_writer(block_, written, xid, ended);
    }
    std::uint32_t possibly_running(const WrittenTag& written, Xid* out) const {
        return core::possibly_running(block_, written, out);
    }
    bool agree(const WrittenTag& written, Xid self, const Snapshot& f, const Snapshot& s) const {
        return core::agree(block_, written, self, f, s);
    }
    bool all_seen(Tag tag, Xid self, const Snapshot& f, WriterSet* unseen) const {
        return core::all_seen(block_, tag, self, f, unseen);
    }
    bool usable_as_old(CacheIndex cache, const Snapshot& f) const {
        return core::usable_as_old(block_, cache, f);
    }
    bool usable(CacheIndex cache, const Snapshot& f) const {
        return core::usable(block_, cache, f);
    }
    bool hard_writers(CacheIndex cache, Xid* out, std::uint32_t* count) const {
        return core::hard_writers(block_, cache, out, count);
    }
    Xid lost_hard_below(CacheIndex cache) const { return core::lost_hard_below(block_, cache); }
    void trust(CacheIndex cache) { core::trust(block_, cache); }
    void distrust(CacheIndex cache, Xid next_xid) { core::distrust(block_, cache, next_xid); }

    // --- puts (due_puts.hpp) ---

    void begin_due_put(std::uint64_t cache_id) { core::begin_due_put(block_, cache_id); }
    void end_due_put(std::uint64_t cache_id) { core::end_due_put(block_, cache_id); }
    bool puts_are_due(std::uint64_t cache_id) const { return core::puts_are_due(block_, cache_id); }

    // --- tracked relations (tracked.hpp) ---

    bool is_tracked(RelationKey relation, CacheIndex cache) const {
        return core::is_tracked(block_, relation, cache);
    }
    std::uint64_t tracked_changes() const { return core::tracked_changes(block_); }
    bool announce(RelationKey relation, CacheIndex cache, std::uint64_t id) {
        return core::announce(block_, relation, cache, id);
    }
    bool complete(RelationKey relation, CacheIndex cache, std::uint64_t id, Xid (*next_xid)()) {
        return core::complete(block_, relation, cache, id, next_xid);
    }
    bool disprove(CacheIndex cache, std::uint64_t id, std::uint64_t derivation, Xid (*next_xid)()) {
        return core::disprove(block_, cache, id, derivation, next_xid);
    }
    bool is_disproven(CacheIndex cache, std::uint64_t derivation) const {
        return core::is_disproven(block_, cache, derivation);
    }
    void forget_relation(RelationKey relation) { core::forget_relation(block_, relation); }
    std::uint32_t max_tracked() const { return block_.header->max_tracked; }
    std::uint32_t tracked_relations(std::uint32_t database, RelationKey* out) const {
        return core::tracked_relations(block_, database, out);
    }
    TrackingCaches tracking(RelationKey relation) const { return TrackingCaches(block_, relation); }

    // --- watching (blame.hpp, account_view.hpp, listing.hpp, check.hpp) ---

    Blame blame(CacheIndex cache, const KeyView& key, const Snapshot& s, EntryTags* tags) const {
        return core::blame(block_, cache, key, s, tags);
    }
    Blame blame_for_fill(CacheIndex cache, const KeyView& key, const Snapshot& f) const {
        return core::blame_for_fill(block_, cache, key, f);
    }
    std::uint32_t list(std::uint32_t partition, const Snapshot& s, Listing* listing) const {
        return list_entries(block_, partition, s, listing);
    }
    bool account(CacheIndex cache, const KeyView& key, AccountView* view) const {
        return view_account(block_, cache, key, view);
    }
    bool check() const { return check_block(block_); }

  private:
    Block block_;
};

}  // namespace cache_ext::core
