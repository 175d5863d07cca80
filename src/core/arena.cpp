// Two-level segregated fit: M. Masmano, I. Ripoll, A. Crespo, J. Real, "TLSF: a
// New Dynamic Memory Allocator for Real-Time Systems", ECRTS 2004.
//
// Free blocks are kept in lists by size class. A class is a power of two (the
// first level) and one of 32 equal parts of it (the second level); a bit for
// every list that is not empty makes the search two "find first set"
// instructions. Blocks lie side by side from `first` to the sentinel at `end`,
// which is never free; no two free blocks are neighbours.
//
// What differs from the paper:
// * A block knows its predecessor's size only while the predecessor is free,
//   which is the only time it is needed. No flag bits are taken from the sizes,
//   so 64 GiB can be one block, and the smallest block is one unit: every
//   remainder can be split off and an allocation never costs more than it asked.
// * The search begins with a short look (kProbes) into the request's own class,
//   where a block may or may not fit; the paper begins at the next class, where
//   all do. A cache puts sizes again that it freed, so this keeps 0.5 to 1 % more
//   of the block in use, and lets an empty arena grant a request for all of it.
#include "core/arena.hpp"

#include <bit>
#include <new>

#include "core/guard.hpp"

namespace cache_ext::core {

namespace {

constexpr std::uint64_t kMagic = 0x31616e6572416563;  // "ceArena1", little-endian
constexpr int kProbes = 4;

// prev_free of a block that is itself free. Its predecessor is in use then, so
// the field has nothing else to say; and no block is that large.
constexpr std::uint32_t kFree = UINT32_MAX;

struct SizeClass {
    std::uint32_t level;
    std::uint32_t index;
};

// Level 0 has a class for each size below 32 units. Level l > 0 starts at
// 2^(l+4) units, and its classes are 2^(l-1) units wide.
SizeClass class_of(std::uint32_t units) {
    if (units < ArenaHeader::kClasses) return {0, units};
    const auto level = static_cast<std::uint32_t>(std::bit_width(units)) - 5;
    return {level, (units >> (level - 1)) - ArenaHeader::kClasses};
}

}  // namespace

// may_alias: the links lie where the caller had its own types a moment ago.
struct [[gnu::may_alias]] Arena::Block {
    // Own size. Constant while the block is allocated, and a field of its own:
    // gross_bytes() reads it while others, under the lock, write prev_free.
    std::uint32_t units;
    std::uint32_t prev_free;  // kFree, or the predecessor's size if that is free, or 0
    // The payload starts here; in a free block, its place in the list.
    Ref next;
    Ref prev;
};

Arena::Block& Arena::block(Ref ref) const {
    static_assert(sizeof(Block) == kUnit && offsetof(Block, next) == kOverhead);
    return *reinterpret_cast<Block*>(base_ + std::size_t{ref} * kUnit);
}

bool Arena::format(void* block, std::size_t bytes) {
    if (block == nullptr || reinterpret_cast<std::uintptr_t>(block) % kUnit != 0) return false;
    if (bytes < min_bytes() || bytes > kMaxBytes) return false;

    ArenaHeader* header = new (block) ArenaHeader{};
    header->first = sizeof(ArenaHeader) / kUnit;
    header->end = static_cast<Ref>(bytes / kUnit - 1);
    header->magic = kMagic;

    Arena arena(block);
    arena.block(header->end) = {};
    arena.insert(header->first, header->end - header->first);
    return true;
}

Arena::Arena(void* block) : base_(static_cast<std::byte*>(block)) {
    assert(header().magic == kMagic);
}

Ref Arena::allocate(std::size_t bytes) const {
    ArenaHeader& h = header();
    const std::size_t wanted = units_for(bytes);
    if (wanted > h.end - h.first) return kNullRef;
    const auto units = static_cast<std::uint32_t>(wanted);

    const Ref ref = find(units);
    if (ref == kNullRef) return kNullRef;
    remove(ref);

    Block& b = block(ref);
    const std::uint32_t rest = b.units - units;
    b.units = units;
    b.prev_free = 0;
    if (rest > 0)
        insert(ref + units, rest);
    else
        block(ref + units).prev_free = 0;

    h.allocated_units += units;
    h.allocated_blocks += 1;
    return ref;
}

Ref Arena::allocate_before(Ref next, std::size_t bytes) const {
    ArenaHeader& h = header();
    if (next == kNullRef) next = h.end;
    const std::uint32_t room = block(next).prev_free;
    const std::size_t wanted = units_for(bytes);
    if (wanted > room) return kNullRef;
    const auto units = static_cast<std::uint32_t>(wanted);
    remove(next - room);
    const Ref ref = next - units;
    block(ref).units = units;
    block(ref).prev_free = 0;
    block(next).prev_free = 0;
    if (room > units) insert(next - room, room - units);

    h.allocated_units += units;
    h.allocated_blocks += 1;
    return ref;
}

void Arena::free(Ref ref) const {
    ArenaHeader& h = header();
    assert(is_live(ref));
    const Block& b = block(ref);
    h.allocated_units -= b.units;
    h.allocated_blocks -= 1;

    Ref start = ref;
    std::uint32_t units = b.units;
    const Ref after = ref + units;
    if (b.prev_free != 0) {
        start -= b.prev_free;
        units += b.prev_free;
        remove(start);
    }
    if (const Block& n = block(after); n.prev_free == kFree) {
        units += n.units;
        remove(after);
    }
    insert(start, units);
}

// The first free block of a class. The bits decide whether there is one: a list that they call
// empty is never followed, whatever its head says.
Ref Arena::head(std::uint32_t level, std::uint32_t index) const {
    const ArenaHeader& h = header();
    return (h.class_bits[level] >> index & 1U) != 0 ? h.heads[level][index] : kNullRef;
}

// A free block of at least `units`, or kNullRef.
Ref Arena::find(std::uint32_t units) const {
    const ArenaHeader& h = header();
    const SizeClass own = class_of(units);

    // In its own class a block may be smaller than the request.
    Ref ref = head(own.level, own.index);
    for (int i = 0; i < kProbes && ref != kNullRef; i++) {
        if (block(ref).units >= units) return ref;
        ref = block(ref).next;
    }

    // In every class above, all blocks fit: the first block of the lowest one.
    std::uint32_t level = own.level;
    std::uint32_t classes = h.class_bits[level] & (~0U << own.index << 1);
    if (classes == 0) {
        const std::uint32_t levels = h.level_bits & (~0U << (level + 1));
        if (levels == 0) return kNullRef;
        level = static_cast<std::uint32_t>(std::countr_zero(levels));
        classes = h.class_bits[level];
    }
    return h.heads[level][std::countr_zero(classes)];
}

// Makes a free block and puts it at the head of its list. Its neighbours are in use.
void Arena::insert(Ref ref, std::uint32_t units) const {
    ArenaHeader& h = header();
    const auto [level, index] = class_of(units);
    const Ref next = head(level, index);
    block(ref) = {.units = units, .prev_free = kFree, .next = next, .prev = kNullRef};
    block(ref + units).prev_free = units;
    if (next != kNullRef) block(next).prev = ref;
    h.heads[level][index] = ref;
    h.class_bits[level] |= 1U << index;
    h.level_bits |= 1U << level;
}

// Takes a free block out of its list; the caller gives it its new state.
void Arena::remove(Ref ref) const {
    ArenaHeader& h = header();
    const Block& b = block(ref);
    if (b.next != kNullRef) block(b.next).prev = b.prev;
    if (b.prev != kNullRef) {
        block(b.prev).next = b.next;
        return;
    }
    const auto [level, index] = class_of(b.units);
    if (!sound(head(level, index) == ref)) return;
    h.heads[level][index] = b.next;
    if (b.next != kNullRef) return;
    h.class_bits[level] &= ~(1U << index);
    if (h.class_bits[level] == 0) h.level_bits &= ~(1U << level);
}

// False for every ref that was freed and whose memory was not handed out again,
// and for nearly every one that never was a block. A header that free() leaves
// inside a larger block still says kFree, or the size of a predecessor that has
// another size since.
bool Arena::is_live(Ref ref) const {
    const ArenaHeader& h = header();
    if (ref < h.first || ref >= h.end) return false;
    const Block& b = block(ref);
    if (b.units == 0 || b.units > h.end - ref || b.prev_free > ref - h.first) return false;
    if (b.prev_free != 0 && block(ref - b.prev_free).units != b.prev_free) return false;
    const Block& n = block(ref + b.units);
    return n.prev_free == 0 || n.prev_free == kFree;
}

Ref Arena::ref_of(const void* payload) const {
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(payload) - base_);
    assert(offset % kUnit == kOverhead);
    assert(offset / kUnit >= header().first && offset / kUnit < header().end);
    return static_cast<Ref>(offset / kUnit);
}

std::size_t Arena::gross_bytes(Ref ref) const {
    return std::size_t{block(ref).units} * kUnit;
}

Ref Arena::next_allocation(Ref ref) const {
    ref += block(ref).units;
    if (const Block& n = block(ref); n.prev_free == kFree) ref += n.units;
    return ref == header().end ? kNullRef : ref;
}

Ref Arena::first_allocation() const {
    const Ref first = header().first;
    if (first != header().end && block(first).prev_free == kFree) return next_allocation(first);
    return first == header().end ? kNullRef : first;
}

std::size_t Arena::room_around(Ref ref) const {
    const Block& b = block(ref);
    const Block& n = block(ref + b.units);
    const std::size_t units =
        std::size_t{b.units} + b.prev_free + (n.prev_free == kFree ? n.units : 0);
    return units * kUnit;
}

std::size_t Arena::max_allocation() const {
    return std::size_t{header().end - header().first} * kUnit - kOverhead;
}

ArenaStats Arena::stats() const {
    const ArenaHeader& h = header();
    ArenaStats stats{
        .capacity = std::uint64_t{h.end - h.first} * kUnit,
        .allocated_bytes = h.allocated_units * kUnit,
        .allocated_blocks = h.allocated_blocks,
        .largest_free = 0,
    };
    if (h.level_bits != 0) {
        const auto level = std::bit_width(h.level_bits) - 1;
        const auto index = std::bit_width(h.class_bits[level]) - 1;
        stats.largest_free = std::uint64_t{block(h.heads[level][index]).units} * kUnit;
    }
    return stats;
}

bool Arena::check() const {
    std::uint64_t free_blocks = 0;
    return check_blocks(&free_blocks) && check_lists(free_blocks);
}

// From block to block: sizes, what a block knows of its predecessor, counters.
bool Arena::check_blocks(std::uint64_t* free_blocks) const {
    const ArenaHeader& h = header();
    std::uint64_t used_blocks = 0;
    std::uint64_t used_units = 0;
    std::uint32_t prev_free = 0;
    Ref ref = h.first;
    while (ref != h.end) {
        const Block& b = block(ref);
        if (b.units == 0 || b.units > h.end - ref) return false;
        if (b.prev_free == kFree) {
            if (prev_free != 0) return false;  // two neighbours not joined
            *free_blocks += 1;
            prev_free = b.units;
        } else {
            if (b.prev_free != prev_free) return false;
            used_blocks += 1;
            used_units += b.units;
            prev_free = 0;
        }
        ref += b.units;
    }
    return block(h.end).units == 0 && block(h.end).prev_free == prev_free &&
           h.allocated_blocks == used_blocks && h.allocated_units == used_units;
}

// From list to list: bits, links, and every free block is in its class's list.
// Listing as many free blocks as there are, none twice, is listing them all.
bool Arena::check_lists(std::uint64_t free_blocks) const {
    const ArenaHeader& h = header();
    std::uint64_t listed = 0;
    for (std::uint32_t level = 0; level < ArenaHeader::kLevels; level++) {
        if (((h.level_bits >> level) & 1U) != (h.class_bits[level] != 0 ? 1U : 0U)) return false;
        for (std::uint32_t index = 0; index < ArenaHeader::kClasses; index++) {
            const Ref head = h.heads[level][index];
            if (((h.class_bits[level] >> index) & 1U) != (head != kNullRef ? 1U : 0U)) return false;
            Ref prev = kNullRef;
            for (Ref ref = head; ref != kNullRef; ref = block(ref).next) {
                if (ref < h.first || ref >= h.end) return false;
                const Block& b = block(ref);
                if (b.prev_free != kFree || b.prev != prev) return false;
                const SizeClass own = class_of(b.units);
                if (own.level != level || own.index != index) return false;
                if (++listed > free_blocks) return false;
                prev = ref;
            }
        }
    }
    return listed == free_blocks && (h.level_bits >> ArenaHeader::kLevels) == 0;
}

}  // namespace cache_ext::core
