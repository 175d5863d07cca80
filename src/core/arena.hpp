// A memory allocator over one fixed block that many processes map, possibly at
// different addresses: inside the block there are offsets, never pointers.
//
// Locking: none in here. The caller serialises every call on one block, from
// all processes, with a lock of its own; "the caller's lock" below is that lock.
// Three calls need no lock while the caller knows the allocation to be live:
// at(), ref_of() and gross_bytes(). What is constant needs none either:
// max_allocation() and gross_size().
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cache_ext::core {

// An allocation, as the distance of its first byte from the beginning of the
// block, counted in units of 16 bytes: 32 bits reach 64 GiB.
using Ref = std::uint32_t;
constexpr Ref kNullRef = 0;

// The control structure at the beginning of the block.
struct alignas(16) ArenaHeader {
    static constexpr std::uint32_t kLevels = 28;   // powers of two: 2^32 units need 28
    static constexpr std::uint32_t kClasses = 32;  // size classes in each of them

    // Constant after format(); needs no lock.
    std::uint64_t magic;
    Ref first;  // the first block
    Ref end;    // the sentinel after the last block

    // Protected by the caller's lock.
    std::uint64_t allocated_units;
    std::uint64_t allocated_blocks;
    std::uint32_t level_bits;           // bit l: class_bits[l] is not 0
    std::uint32_t class_bits[kLevels];  // bit c: heads[l][c] is not null
    Ref heads[kLevels][kClasses];       // the free blocks of each class, if its bit is set
    std::uint32_t unused[3];            // explicit padding, 0
};
static_assert(std::is_trivially_copyable_v<ArenaHeader>);
static_assert(std::is_standard_layout_v<ArenaHeader>);
static_assert(sizeof(ArenaHeader) == 3744, "shared memory layout");

// All sizes are gross: in bytes, with the header of each block.
struct ArenaStats {
    std::uint64_t capacity;
    std::uint64_t allocated_bytes;
    std::uint64_t allocated_blocks;
    // A free block that a request can have now. It is the first one of the
    // highest class in use, so another may be larger, by less than 1/32.
    std::uint64_t largest_free;
};

// A process-local handle on a formatted block. Copy it freely; const is the handle, not the block.
class Arena {
  public:
    static constexpr std::size_t kUnit = 16;
    static constexpr std::size_t kOverhead = 8;   // bytes that an allocation costs on top
    static constexpr std::size_t kAlignment = 8;  // of every payload (which is at 8 mod 16)
    static constexpr std::size_t kMaxBytes = std::size_t{1} << 36;

    // The smallest block that format() accepts.
    static constexpr std::size_t min_bytes() { return sizeof(ArenaHeader) + 2 * kUnit; }

    // Makes an empty arena of the block, in constant time: the memory between
    // the header and the last unit is not touched. A rest of less than a unit
    // is not used. False, and nothing written, if the block is null, not
    // aligned to 16 bytes, smaller than min_bytes() or larger than kMaxBytes.
    static bool format(void* block, std::size_t bytes);

    Arena() = default;
    // Attaches to a block that format() accepted, in this process or another.
    explicit Arena(void* block);

    // At least `bytes` bytes (0 is allowed), uninitialised; kNullRef when no
    // free block fits, which is no error: free something and try again. O(1).
    // Costs exactly gross_size(bytes).
    Ref allocate(std::size_t bytes) const;

    // The same, in the free memory that ends where a live allocation begins; where the block ends,
    // for kNullRef. kNullRef if that is too small. O(1).
    Ref allocate_before(Ref next, std::size_t bytes) const;

    // Gives an allocation back and joins it with free neighbours. O(1).
    // Freeing what is not a live allocation is undefined. Unless NDEBUG is
    // defined, a ref out of range or already free (and not reused since) fails
    // an assertion.
    void free(Ref ref) const;

    // The payload's address in this process.
    void* at(Ref ref) const {
        assert(ref != kNullRef);
        return base_ + std::size_t{ref} * kUnit + kOverhead;
    }
    template <class T>
    T* at(Ref ref) const {
        static_assert(alignof(T) <= kAlignment);
        return static_cast<T*>(at(ref));
    }

    // Would `bytes` bytes at this reference lie inside the block? Whatever it is: needs no live
    // allocation and no lock.
    bool holds(Ref ref, std::size_t bytes) const {
        return ref >= header().first &&
               std::size_t{ref} * kUnit + kOverhead + bytes <= std::size_t{header().end} * kUnit;
    }

    // The inverse of at(): `payload` must be an address that at() returned.
    Ref ref_of(const void* payload) const;

    // What a live allocation costs, header included.
    std::size_t gross_bytes(Ref ref) const;

    // The live allocation that follows a live one in the block; kNullRef after
    // the last. Needs the caller's lock. O(1). Evicting along this makes one
    // hole that grows; evicting at random until a large request fits can take
    // thousands of small victims, because their holes do not touch.
    Ref next_allocation(Ref ref) const;

    // The first live allocation, kNullRef if there is none; as next_allocation().
    Ref first_allocation() const;

    // What a request of `bytes` bytes costs, header included. Exact.
    static constexpr std::size_t gross_size(std::size_t bytes) { return units_for(bytes) * kUnit; }

    // How large, in bytes, the free block would be that freeing a live allocation makes. Needs the
    // caller's lock. O(1).
    std::size_t room_around(Ref ref) const;

    // The largest request that succeeds while nothing is allocated.
    std::size_t max_allocation() const;

    ArenaStats stats() const;

    // Walks every block and every free list: true if all invariants hold.
    // O(number of blocks); for tests.
    bool check() const;

  private:
    struct Block;

    // Cannot overflow, whatever the request.
    static constexpr std::size_t units_for(std::size_t bytes) {
        return bytes / kUnit + (bytes % kUnit > kUnit - kOverhead ? 2 : 1);
    }

    ArenaHeader& header() const { return *reinterpret_cast<ArenaHeader*>(base_); }
    Block& block(Ref ref) const;
    bool is_live(Ref ref) const;
    Ref head(std::uint32_t level, std::uint32_t index) const;
    Ref find(std::uint32_t units) const;
    void insert(Ref ref, std::uint32_t units) const;
    void remove(Ref ref) const;
    bool check_blocks(std::uint64_t* free_blocks) const;
    bool check_lists(std::uint64_t free_blocks) const;

    std::byte* base_ = nullptr;
};
static_assert(std::is_trivially_copyable_v<Arena> && std::is_trivially_destructible_v<Arena>);

}  // namespace cache_ext::core
