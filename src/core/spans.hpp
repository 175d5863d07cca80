// Ranged tags: which instants a writer has changed, and which ones an entry depends on.
//
// A ranged tag stands for rows of which only some matter to each of its entries. A row has an
// instant, as a number in order (a time, a date, an integer); an entry depends on those of a
// *span*. The span of a writer is the hull of what it has changed. A record whose span does not
// meet that of an entry says nothing about it; else the rule is that of writers.hpp.
//
// What it gives: a change of today leaves the entries of October alone.
// What it costs: one more piece of memory for the node of a ranged tag, and a slower look at its
// entries after each write of the tag. Nothing for other tags.
//
// What is forgotten needs care. In a ring of one tag a witness speaks against the entries that have
// missed whoever was dropped before it; but the witness may be of other instants than the entry. So
// the spans of dropped records stay, as a few *forgotten* ones, each with the newest seq of those
// that it covers. Whoever is served, or fills, sees all that was dropped (WriterRing::usable). So
// an entry that is older than a forgotten span, or is blind to some writer, is contradicted where
// it meets one. docs/guarantees.md has the proof, test/model/spans.py the model.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "core/writers.hpp"

namespace cache_ext::core {

using Instant = std::int64_t;

// From lo to hi, both included. As it is made: all instants there are.
struct Span {
    Instant lo = INT64_MIN;
    Instant hi = INT64_MAX;

    bool meets(const Span& other) const { return lo <= other.hi && other.lo <= hi; }
    bool covers(const Span& other) const { return lo <= other.lo && other.hi <= hi; }
    Span hull(const Span& other) const { return {std::min(lo, other.lo), std::max(hi, other.hi)}; }
    std::uint64_t width() const {
        return static_cast<std::uint64_t>(hi) - static_cast<std::uint64_t>(lo);
    }
    bool operator==(const Span&) const = default;
};

inline constexpr std::uint32_t kMaxForgotten = 4;
// Records of a ranged tag's ring: one place is kept for what stands for the forgotten (against()).
inline constexpr std::uint8_t kRangedCapacity = kRingCapacity - 1;

struct SpanRecord {
    Span span;
    Seq seq;
};

// Beside the ring of a ranged tag. Lock: the partition lock of the tag, exclusive for non-const
// functions, shared for const ones.
struct NodeSpans {
    std::uint16_t place;    // of this piece in its page
    std::uint8_t capacity;  // of `forgotten`; the tests use tiny ones
    std::uint8_t record_count;
    std::uint8_t forgotten_count;
    SpanRecord records[kRangedCapacity];  // by seq; a writer that is not here may be of any instant
    SpanRecord forgotten[kMaxForgotten + 1];  // seq: the newest one covered; one place to work in

    void init(std::uint16_t piece_place, std::uint8_t most_forgotten = kMaxForgotten);

    // After WriterRing::add of a ring of kRangedCapacity at most: what that has dropped, and the
    // span of the record that it has added.
    void add(Seq seq, const Span& span, const WriterRecord* dropped, std::uint32_t dropped_count);

    // The ring without the records that say nothing about `own`: what a fill of these instants may
    // be blind to.
    WriterRing concerning(const WriterRing& ring, const Span& own) const;
    // The same for an entry with these marks. If something forgotten contradicts it, there is a
    // record besides that does, of a writer that everybody sees and nobody names (XID 0).
    WriterRing against(const WriterRing& ring, Tag tag, Seq seq, const Unseen& unseen,
                       const Span& own) const;

  private:
    Span span_of(Seq seq) const;
    Span take(Seq seq);
    void forget(const SpanRecord& dropped);
};
static_assert(std::is_trivially_copyable_v<NodeSpans>);

}  // namespace cache_ext::core
