#include "core/slabs.hpp"

#include <algorithm>

#include "core/atomic.hpp"

namespace cache_ext::core {
namespace {

constexpr std::uint16_t kNone = UINT16_MAX;

}  // namespace

// The pieces follow.
struct SlabPool::Page {
    std::uint64_t label;  // whoever allocated the page has written it
    Ref next;             // in the list of its class
    Ref prev;
    std::uint16_t used;
    std::uint16_t free;   // chain of pieces that were given back; a free one begins with the next
    std::uint16_t fresh;  // pieces from here on were never taken
};

// A piece's reference is as far behind the page's as the piece is behind the page.
Ref SlabPool::piece(Ref page, std::uint32_t place) const {
    constexpr std::uint32_t kHeader = (sizeof(Page) + Arena::kUnit - 1) / Arena::kUnit;
    return page + kHeader + place * piece_units;
}

void SlabPool::init(std::size_t bytes, std::size_t page_bytes) {
    *this = {};
    piece_units = static_cast<std::uint32_t>((bytes + Arena::kUnit - 1) / Arena::kUnit);
    const std::size_t room = (page_bytes - Arena::kOverhead) / Arena::kUnit - piece(0, 0);
    page_pieces =
        static_cast<std::uint32_t>(std::clamp<std::size_t>(room / piece_units, 1, kNone - 1));
}

std::size_t SlabPool::page_bytes() const {
    return piece(0, page_pieces) * Arena::kUnit;
}

std::uint32_t SlabPool::class_of(const Page& page) const {
    return page.used * (kClasses - 1) / page_pieces;
}

void SlabPool::link(const Arena& arena, Ref ref) {
    Page* page = arena.at<Page>(ref);
    Ref& head = pages[class_of(*page)];
    page->next = head;
    page->prev = kNullRef;
    if (head != kNullRef) arena.at<Page>(head)->prev = ref;
    head = ref;
}

void SlabPool::unlink(const Arena& arena, Ref ref) {
    const Page* page = arena.at<Page>(ref);
    if (page->next != kNullRef) arena.at<Page>(page->next)->prev = page->prev;
    (page->prev != kNullRef ? arena.at<Page>(page->prev)->next : pages[class_of(*page)]) =
        page->next;
}

void SlabPool::add_page(const Arena& arena, Ref page) {
    Page* p = arena.at<Page>(page);
    p->used = 0;
    p->free = kNone;
    p->fresh = 0;
    link(arena, page);
    ++page_count;
}

Piece SlabPool::take(const Arena& arena) {
    Ref ref = kNullRef;
    for (std::uint32_t c = kClasses - 1; c-- > 0 && ref == kNullRef;) ref = pages[c];
    if (ref == kNullRef) {
        if (spare == kNullRef) return {kNullRef, 0};
        ref = spare;
        spare = kNullRef;
    } else {
        unlink(arena, ref);
    }
    Page* page = arena.at<Page>(ref);
    const std::uint16_t place = page->free != kNone ? page->free : page->fresh++;
    const Ref taken = piece(ref, place);
    if (page->free != kNone) page->free = *arena.at<std::uint16_t>(taken);
    ++page->used;
    link(arena, ref);
    store_relaxed(piece_count, piece_count + 1);
    return {taken, place};
}

Ref SlabPool::give(const Arena& arena, Piece given) {
    const Ref ref = given.ref - piece(0, given.place);
    Page* page = arena.at<Page>(ref);
    unlink(arena, ref);
    *arena.at<std::uint16_t>(given.ref) = page->free;
    page->free = given.place;
    store_relaxed(piece_count, piece_count - 1);
    if (--page->used > 0) {
        link(arena, ref);
        return kNullRef;
    }
    const Ref old = spare;
    spare = ref;
    if (old != kNullRef) --page_count;
    return old;
}

Ref SlabPool::take_spare() {
    const Ref old = spare;
    spare = kNullRef;
    if (old != kNullRef) --page_count;
    return old;
}

bool SlabPool::check(const Arena& arena) const {
    std::uint64_t pieces = 0, listed = spare != kNullRef ? 1 : 0;
    const auto good = [&](const Page& page, Ref ref) {
        std::uint32_t free = 0;
        for (std::uint16_t place = page.free; place != kNone; ++free) {
            if (place >= page.fresh || free > page.fresh) return false;
            place = *arena.at<std::uint16_t>(piece(ref, place));
        }
        return page.fresh <= page_pieces && page.used + free == page.fresh;
    };
    for (std::uint32_t c = 0; c < kClasses; ++c) {
        Ref prev = kNullRef;
        for (Ref ref = pages[c]; ref != kNullRef; ref = arena.at<Page>(ref)->next) {
            const Page& page = *arena.at<Page>(ref);
            if (class_of(page) != c || page.prev != prev || !good(page, ref)) return false;
            if (page.used == 0 || ++listed > page_count) return false;
            pieces += page.used;
            prev = ref;
        }
    }
    if (spare != kNullRef &&
        (arena.at<Page>(spare)->used != 0 || !good(*arena.at<Page>(spare), spare))) {
        return false;
    }
    return listed == page_count && pieces == piece_count;
}

}  // namespace cache_ext::core
