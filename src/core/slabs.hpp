// Pieces of one size, cut from pages: slabs (Bonwick, "The Slab Allocator", USENIX 1994) on top of
// the arena. What is small and cannot be evicted lies together in them, not between the entries.
//
// A page is one allocation of the arena. New pieces come from the fullest page that
// has room, so sparse ones run empty. An empty page goes back to the arena, but for one.
//
// Locking: none in here; every call on a pool or its arena needs the same lock (the arena's).
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/arena.hpp"

namespace cache_ext::core {

// A piece, and where it is in its page: needed to give it back.
struct Piece {
    Ref ref;  // as of an allocation: for Arena::at()
    std::uint16_t place;
};

// All pieces of one size. Lives in shared memory.
struct SlabPool {
    static constexpr std::uint32_t kClasses = 9;  // eighths of a page; the last: full

    std::uint32_t piece_units;  // constant after init(), as the next
    std::uint32_t page_pieces;
    Ref pages[kClasses];  // lists, by how full they are
    Ref spare;            // an empty page, or kNullRef
    std::uint32_t page_count;
    std::uint64_t piece_count;  // in use; atomic

    // For pieces of up to `bytes` bytes, in pages of up to `page_bytes` (one piece at least).
    void init(std::size_t bytes, std::size_t page_bytes);
    // What to allocate for a page.
    std::size_t page_bytes() const;
    // Makes an allocation of page_bytes() a page of this pool. Its first 8 bytes stay as they are.
    void add_page(const Arena& arena, Ref page);
    // ref is kNullRef when no page has room: add one. Uninitialised. O(1).
    Piece take(const Arena& arena);
    // Returns a page that is no longer needed, to be freed, or kNullRef. O(1).
    Ref give(const Arena& arena, Piece given);
    // The empty page, no longer the pool's, to be freed; kNullRef if there is none.
    Ref take_spare();
    // Walks all pages. For tests.
    bool check(const Arena& arena) const;

  private:
    struct Page;

    std::uint32_t class_of(const Page& page) const;
    Ref piece(Ref page, std::uint32_t place) const;
    void link(const Arena& arena, Ref ref);
    void unlink(const Arena& arena, Ref ref);
};
static_assert(std::is_trivially_copyable_v<SlabPool>);

}  // namespace cache_ext::core
