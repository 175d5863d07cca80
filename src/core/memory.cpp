#include "core/memory.hpp"

#include <algorithm>
#include <bit>

#include "core/budgets.hpp"
#include "core/hazards.hpp"
#include "core/pages.hpp"

namespace cache_ext::core {
namespace {

// Evictions by policy before a request clears one place.
constexpr int kPolicyVictims = 8;

// Places that one request tries to clear at least, whatever goes for them in vain, and at most.
constexpr int kMinClearings = 2;
constexpr int kMaxClearings = 256;

// How many allocations are looked at in one go, under the arena's lock.
constexpr int kAllocationsAtOnce = 512;

// What a larger ghost table may cost: it is tried for again, and entries need not go for it.
constexpr int kGhostRounds = 32;
constexpr std::uint32_t kGhostsAtOnce = 1024;

// Arena lock.
Ref take_memory(const Block& block, std::size_t bytes, Label label) {
    block.check_arena();
    const Ref ref = block.arena.allocate(bytes);
    if (ref != kNullRef) *block.arena.at<Label>(ref) = label;
    return ref;
}

// Is there something that cannot be evicted among the next allocations, before `gross` bytes?
// Arena lock.
bool obstacle_behind(const Block& block, Ref start, std::size_t gross) {
    const HeldSet held(block);
    std::size_t room = block.arena.room_around(start);
    Ref next = block.arena.next_allocation(start);
    for (int i = 0; i < kAllocationsAtOnce && room < gross; ++i) {
        if (next == kNullRef || !is_entry(*block.arena.at<Label>(next)) || held.may_contain(next)) {
            return true;
        }
        room += block.arena.gross_bytes(next);
        next = block.arena.next_allocation(next);
    }
    return false;
}

// The holes that the policy's victims leave do not touch, so for a large value among small ones
// thousands would have to go. This takes one victim and then what lies behind it in the block,
// whosever it is, until there is room. Gives up at memory that cannot be evicted, before anything
// goes for nothing if that is near enough: a ghost table, a page of nodes, an entry that is not
// linked yet, or one that a reader holds. *in_vain: plus the bytes of what went for nothing.
Ref clear_room(const Block& block, std::size_t bytes, Label label, std::uint64_t* in_vain) {
    const CacheIndex heaviest = heaviest_budget(block);
    if (heaviest == kNoCache) return kNullRef;
    Ref start = kNullRef;  // out of index and queue, but not freed: the place stays ours
    {
        const BudgetHolder guard(block, heaviest);
        collect_dead(block, heaviest);
        evict_locked(block, heaviest, &start);
    }
    if (start == kNullRef) return kNullRef;
    full_fence();
    if (HeldSet(block).may_contain(start)) {
        retire_entries(block, start);
        return kNullRef;
    }
    bool possible = true;
    for (int step = 0; possible; ++step) {
        Ref next = kNullRef;
        Label what = 0;
        {
            const ArenaHolder guard(block);
            if (step % kAllocationsAtOnce == 0 &&
                obstacle_behind(block, start, Arena::gross_size(bytes))) {
                *in_vain += block.arena.room_around(start);
                block.arena.free(start);
                return kNullRef;
            }
            if (block.arena.room_around(start) >= Arena::gross_size(bytes)) {
                block.arena.free(start);
                return take_memory(block, bytes, label);
            }
            next = block.arena.next_allocation(start);
            if (next != kNullRef) what = *block.arena.at<Label>(next);
        }
        possible = next != kNullRef && is_entry(what) && !HeldSet(block).may_contain(next) &&
                   evict_at(block, next, what);
    }
    const ArenaHolder guard(block);
    *in_vain += block.arena.room_around(start);
    block.arena.free(start);
    return kNullRef;
}

}  // namespace

// Every round frees something, or is the last.
Ref allocate(const Block& block, std::size_t bytes, Label label, int max_rounds) {
    int clearings = 0;
    std::uint64_t in_vain = 0;  // bytes
    for (int round = 0; round < max_rounds; ++round) {
        {
            const ArenaHolder guard(block);
            const Ref ref = take_memory(block, bytes, label);
            if (ref != kNullRef) return ref;
        }
        if (round == kPolicyVictims && reap(block)) continue;
        if (round >= kPolicyVictims) {
            const Ref ref = clear_room(block, bytes, label, &in_vain);
            if (ref != kNullRef) return ref;
            const bool much = in_vain > block.arena.max_allocation() / 4;
            if (++clearings >= (much ? kMinClearings : kMaxClearings)) return kNullRef;
        }
        const CacheIndex heaviest = heaviest_budget(block);
        if (heaviest != kNoCache && evict_one(block, heaviest)) continue;
        if (!evict_anywhere(block) && !drop_ghosts(block) && !drop_spare_page(block) &&
            !reap(block)) {
            return kNullRef;
        }
    }
    return kNullRef;
}

// Ghosts are worth having about as many of as there are entries. While the memory is full, entries
// make room for them, which costs one in several hundred.
void grow_ghosts(const Block& block, CacheIndex budget, std::uint64_t evictions) {
    const std::uint64_t entries = load_relaxed(block.caches[budget].used_entries);
    const std::uint32_t have = load_relaxed(block.caches[budget].queue.ghosts.slot_count);
    const auto want = static_cast<std::uint32_t>(
        std::bit_ceil(std::clamp<std::uint64_t>(entries / 4 * 3, 64, 1U << 20)));
    if (have >= want / 2 && have <= want * 8 && have != 0) return;
    // A large one may not be had now; do not try for every entry.
    if (want > kGhostsAtOnce && have != 0 && evictions % 256 != 0) return;
    const std::size_t bytes = GhostTable::bytes_for(want);
    if (bytes > block.arena.max_allocation() / 16) return;
    const Ref fresh = allocate(block, bytes, kGhostLabel, kGhostRounds);
    if (fresh == kNullRef) return;
    GhostTable old;
    {
        const BudgetHolder guard(block, budget);
        old = block.caches[budget].queue.ghosts.replace(block.arena, GhostTable{fresh, want});
    }
    if (old.slot_count != 0) release_memory(block, old.slots);
}

}  // namespace cache_ext::core
