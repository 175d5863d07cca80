#include "core/tag_node.hpp"

#include <algorithm>
#include <utility>

namespace cache_ext::core {
namespace {

bool is_witness(const WriterRing& ring, const WriterRecord& r) {
    return ring.witness == r.xid && ring.witness_seq == r.seq;
}

// Assigns what fits.
template <class To, class From>
bool narrow(From from, To* to) {
    *to = static_cast<To>(from);
    return static_cast<From>(*to) == from;
}

}  // namespace

bool TagNode::pack(const WriterRing& from) {
    if (from.record_count > 2 || from.lost_count > 0 || from.hard_count > 0 || from.last_hard > 0) {
        return false;
    }
    const WriterRecord* newer = nullptr;
    const WriterRecord* before = nullptr;
    for (std::uint32_t i = 0; i < from.record_count; ++i) {
        const WriterRecord& r = from.records[i];
        const bool is_newer = newer == nullptr || r.seq > newer->seq;
        if (is_newer) std::swap(newer, before);
        (is_newer ? newer : before) = &r;
    }
    if (newer != nullptr && newer->seq != from.last_seq) return false;

    decltype(ring) packed = {};
    const auto keep_older = [&](Xid xid, Seq seq) {
        if (newer == nullptr) packed.newer_at = static_cast<std::int64_t>(seq);
        return narrow(from.largest - xid, &packed.older_xid) &&
               (newer == nullptr ||
                narrow(static_cast<std::int64_t>(seq - from.last_seq), &packed.older_seq));
    };
    std::uint8_t m = 0;
    if (newer != nullptr) {
        m |= kNewer | (newer->borrowed != 0 ? kNewerBorrowed : 0);
        if (!narrow(from.largest - newer->xid, &packed.newer_xid)) return false;
        packed.newer_at = newer->at;
    }
    if (before != nullptr) {
        m |= kOlder | (before->borrowed != 0 ? kOlderBorrowed : 0);
        // Later than the truth is allowed, earlier is not.
        if (before->ended_before != 0 && before->ended_before <= newer->seq) m |= kOlderEnded;
        if (!keep_older(before->xid, before->seq) ||
            !narrow(newer->at - before->at, &packed.older_at)) {
            return false;
        }
    }
    if (from.overflowed) {
        // Its witness says nothing: who recovers gets another.
        if (before != nullptr || from.horizon != from.largest + 1) return false;
        m |= kOverflowed;
        packed.older_xid = static_cast<std::uint32_t>(from.largest);
        packed.older_seq = static_cast<std::int32_t>(from.largest >> 32);
    } else if (from.witness != 0) {
        if (newer != nullptr && is_witness(from, *newer)) {
            m |= kNewerWitness;
        } else if (before == nullptr || is_witness(from, *before)) {
            m |= kOlderWitness;
            if (before == nullptr && !keep_older(from.witness, from.witness_seq)) return false;
        } else {
            return false;
        }
    }
    marks = m;
    ring = packed;
    publish(from);
    return true;
}

bool TagNode::pack_settled(const WriterRing& from) {
    WriterRing settled = from;
    settled.settle();
    return pack(settled);
}

void TagNode::pack_overflowed(WriterRing from) {
    from.keep_newest();
    // Whoever is so far below the largest is seen by everybody: one name for him is as good as
    // another, and this always fits.
    const Xid least = from.largest - std::min<Xid>(from.largest, UINT32_MAX);
    from.records[0].xid = std::max(from.records[0].xid, least);
    pack(from);
}

void TagNode::unpack(WriterRing* to) const {
    to->init();
    to->last_seq = head.last_seq;
    to->guard = head.guard;
    to->largest = head.guard;
    if ((marks & kOverflowed) != 0) {
        to->overflowed = true;
        to->largest = Xid{static_cast<std::uint32_t>(ring.older_seq)} << 32 | ring.older_xid;
        to->horizon = to->largest + 1;
    }
    const bool has_newer = (marks & kNewer) != 0;
    const Xid newer_xid = to->largest - ring.newer_xid;
    const Xid older_xid = to->largest - ring.older_xid;
    const Seq older_seq = has_newer ? head.last_seq + static_cast<Seq>(std::int64_t{ring.older_seq})
                                    : static_cast<Seq>(ring.newer_at);
    const auto add = [&](Xid xid, Seq seq, Seq ended_before, Mark borrowed, Millis at) {
        to->records[to->record_count++] = {
            xid, tag, seq, ended_before, (marks & borrowed) != 0 ? Seq{1} : Seq{0}, 0, at};
    };
    if ((marks & kOlder) != 0) {
        add(older_xid, older_seq, (marks & kOlderEnded) != 0 ? head.last_seq : 0, kOlderBorrowed,
            ring.newer_at - ring.older_at);
    }
    if (has_newer) add(newer_xid, head.last_seq, 0, kNewerBorrowed, ring.newer_at);
    if ((marks & kOlderWitness) != 0) {
        to->witness = older_xid;
        to->witness_seq = older_seq;
    } else if ((marks & kNewerWitness) != 0) {
        to->witness = newer_xid;
        to->witness_seq = head.last_seq;
    }
}

}  // namespace cache_ext::core
