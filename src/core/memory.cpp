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
// At most, if it is pinned entries that are in the way: they are likely to be so everywhere.
constexpr int kMaxHindered = 16;

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

// What lies behind a place, as it was labelled a moment ago.
struct Behind {
    struct {
        Ref ref;
        Label label;
    } of[kAllocationsAtOnce];
    int count = 0;
};

// Notes the next allocations, before `gross` bytes; false: there is something among them that
// cannot be evicted. Arena lock.
bool look_behind(const Block& block, Ref start, std::size_t gross, Behind* behind) {
    const HeldSet held(block);
    std::size_t room = block.arena.room_around(start);
    Ref next = block.arena.next_allocation(start);
    behind->count = 0;
    while (behind->count < kAllocationsAtOnce && room < gross) {
        if (next == kNullRef) return false;
        const Label label = *block.arena.at<Label>(next);
        if (!is_entry(label) || held.may_contain(next)) return false;
        behind->of[behind->count++] = {next, label};
        room += block.arena.gross_bytes(next);
        next = block.arena.next_allocation(next);
    }
    return true;
}

// Whose entries one request may evict just now, and from which budget it does first.
struct Hunt {
    Victims victims;
    CacheIndex budget;   // kNoCache: none has any
    bool around_pinned;  // there are pinned ones that must stay
};

// among: nothing else could make room, and the request is for a pinned budget.
Hunt hunt(const Block& block, bool among) {
    const Weights w = weigh(block);
    if (w.pinned_bytes > block.max_pinned) return {Victims::kAny, w.heaviest_pinned, false};
    if (among) {
        return {Victims::kAny, w.heaviest != kNoCache ? w.heaviest : w.heaviest_pinned, false};
    }
    return {Victims::kUnpinned, w.heaviest, w.heaviest_pinned != kNoCache};
}

// What a request has cleared for nothing.
struct Vain {
    std::uint64_t bytes = 0;
    int clearings = 0;
    int hindered = 0;  // of these, by what is pinned

    bool enough(const Block& block) const {
        const bool much = bytes > block.arena.max_allocation() / 4;
        return clearings >= (much ? kMinClearings : kMaxClearings) || hindered >= kMaxHindered;
    }
};

// May what lies there go? No lock.
bool may_go(const Block& block, const Behind& behind, const Hunt& by) {
    for (int i = 0; by.around_pinned && i < behind.count; ++i) {
        if (is_pinned_at(block, behind.of[i].ref, behind.of[i].label)) return false;
    }
    return true;
}

// The holes that the policy's victims leave do not touch, so for a large value among small ones
// thousands would have to go. This takes one victim and then what lies behind it in the block,
// whosever it is, until there is room. Gives up at memory that cannot be evicted, before anything
// goes for nothing if that is near enough: a ghost table, a page of nodes, an entry that is not
// linked yet, that a reader holds, or that is pinned. *vain: plus what went for nothing.
Ref clear_room(const Block& block, std::size_t bytes, Label label, const Hunt& by, Vain* vain) {
    ++vain->clearings;
    if (by.budget == kNoCache) return kNullRef;
    Ref start = kNullRef;  // out of index and queue, but not freed: the place stays ours
    {
        const BudgetHolder guard(block, by.budget);
        collect_dead(block, by.budget);
        evict_locked(block, by.budget, &start);
    }
    if (start == kNullRef) return kNullRef;
    full_fence();
    if (HeldSet(block).may_contain(start)) {
        retire_entries(block, start);
        return kNullRef;
    }
    const std::size_t gross = Arena::gross_size(bytes);
    Behind behind;
    bool possible = true;
    for (int step = 0; possible; ++step) {
        if (step % kAllocationsAtOnce == 0) {
            {
                const ArenaHolder guard(block);
                possible = look_behind(block, start, gross, &behind);
            }
            const bool hindered = possible && !may_go(block, behind, by);
            if (hindered) ++vain->hindered;
            if (!possible || hindered) break;
        }
        Ref next = kNullRef;
        Label what = 0;
        {
            const ArenaHolder guard(block);
            if (block.arena.room_around(start) >= gross) {
                block.arena.free(start);
                return take_memory(block, bytes, label);
            }
            next = block.arena.next_allocation(start);
            if (next != kNullRef) what = *block.arena.at<Label>(next);
        }
        possible = next != kNullRef && is_entry(what) && !HeldSet(block).may_contain(next) &&
                   evict_at(block, next, what, by.victims);
    }
    const ArenaHolder guard(block);
    vain->bytes += block.arena.room_around(start);
    block.arena.free(start);
    return kNullRef;
}

}  // namespace

// Every round frees something, or is the last but for one change: what is pinned goes, too.
Ref allocate(const Block& block, std::size_t bytes, Label label, CacheIndex budget,
             int max_rounds) {
    Vain vain;
    bool among = false;
    for (int round = 0; round < max_rounds; ++round) {
        {
            const ArenaHolder guard(block);
            const Ref ref = take_memory(block, bytes, label);
            if (ref != kNullRef) return ref;
        }
        if (round == kPolicyVictims && reap(block)) continue;
        const Hunt by = hunt(block, among);
        bool hopeless = false;
        if (round >= kPolicyVictims) {
            const Ref ref = clear_room(block, bytes, label, by, &vain);
            if (ref != kNullRef) return ref;
            hopeless = vain.enough(block);
        }
        if (!hopeless) {
            if (by.budget != kNoCache && evict_one(block, by.budget)) continue;
            hopeless = !evict_anywhere(block, by.victims) && !drop_ghosts(block) &&
                       !drop_spare_page(block) && !reap(block);
        }
        if (!hopeless) continue;
        if (among || !is_pinned(block, budget)) return kNullRef;
        among = true;
        vain = {};
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
    const Ref fresh = allocate(block, bytes, kGhostLabel, budget, kGhostRounds);
    if (fresh == kNullRef) return;
    GhostTable old;
    {
        const BudgetHolder guard(block, budget);
        old = block.caches[budget].queue.ghosts.replace(block.arena, GhostTable{fresh, want});
    }
    if (old.slot_count != 0) release_memory(block, old.slots);
}

}  // namespace cache_ext::core
