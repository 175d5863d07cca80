#include "core/check.hpp"

#include "core/index.hpp"
#include "core/pages.hpp"

namespace cache_ext::core {
namespace {

// Of some entries.
struct Sum {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t pins = 0;
    std::uint64_t opened = 0;

    void add(const Block& block, Ref ref) {
        const Entry* e = block.entry(ref);
        ++entries;
        opened += e->is_opened() ? 1 : 0;
        bytes += block.arena.gross_bytes(ref);
        for (std::uint32_t t = 0; t < e->tag_count; ++t) {
            pins += e->tags()[t].node != kNullRef ? 1 : 0;
        }
    }
};

bool check_index(const Block& block, Sum* linked) {
    bool good = true;
    for (std::uint32_t p = 0; p < kPartitions; ++p) {
        for_each_entry(block, p, [&](Ref ref) {
            const Entry* e = block.entry(ref);
            good = good && partition_of(e->hash) == p && !e->is_dead() && e->queue != Queue::kNone;
            linked->add(block, ref);
        });
    }
    return good;
}

bool check_dead(const Block& block, CacheIndex budget, Sum* dead) {
    for (Ref ref = block.caches[budget].dead; ref != kNullRef; ref = block.entry(ref)->next) {
        if (!block.entry(ref)->is_dead() || block.entry(ref)->budget != budget) return false;
        dead->add(block, ref);
    }
    return true;
}

bool check_totals(const CacheControl& c) {
    return c.used_entries == c.queue.entries() &&
           (c.max_entries == 0 || c.used_entries - c.open_entries <= c.max_entries) &&
           (c.max_bytes == 0 || c.used_bytes <= c.max_bytes);
}

bool check_slots(const Block& block) {
    const std::size_t slots = std::size_t{kPartitions} * block.slots_per_partition;
    for (std::size_t i = 0; i < slots; ++i) {
        if (block.slot_heads[i].last_seq != block.slots[i].last_seq ||
            block.slot_heads[i].guard != block.slots[i].guard) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool check_block(const Block& block) {
    Sum linked, dead;
    if (!check_index(block, &linked)) return false;
    std::uint64_t used = 0, used_bytes = 0, live = 0, open = 0, refs = 0;
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        const CacheControl& c = block.caches[i];
        if (!check_dead(block, i, &dead) || !check_totals(c)) return false;
        used += c.used_entries;
        used_bytes += c.used_bytes;
        live += c.live_entries;
        open += c.open_entries;
    }
    return linked.entries + dead.entries == used && linked.entries - linked.opened == live &&
           linked.opened + dead.opened == open && linked.bytes + dead.bytes == used_bytes &&
           check_slots(block) && check_nodes(block, &refs) && linked.pins + dead.pins == refs &&
           block.arena.check();
}

}  // namespace cache_ext::core
