#include "core/tag_node.hpp"

#include <utility>

namespace cache_ext::core {
namespace {

bool is_witness(const WriterRing& ring, const WriterRecord& r) {
    return ring.witness == r.xid && ring.witness_seq == r.seq;
}

}  // namespace

bool TagNode::pack(const WriterRing& ring) {
    if (ring.record_count > 2 || ring.lost_count > 0 || ring.hard_count > 0 || ring.last_hard > 0) {
        return false;
    }
    const WriterRecord* newer = nullptr;
    const WriterRecord* older = nullptr;
    for (std::uint32_t i = 0; i < ring.record_count; ++i) {
        const WriterRecord& r = ring.records[i];
        const bool is_newer = newer == nullptr || r.seq > newer->seq;
        if (is_newer) std::swap(newer, older);
        (is_newer ? newer : older) = &r;
    }
    if (newer != nullptr && newer->seq != ring.last_seq) return false;

    std::uint8_t m = 0;
    Xid o_xid = 0;
    Seq o_seq = 0;
    Millis o_at = 0;
    if (newer != nullptr) m |= kNewer | (newer->borrowed != 0 ? kNewerBorrowed : 0);
    if (older != nullptr) {
        m |= kOlder | (older->borrowed != 0 ? kOlderBorrowed : 0);
        // Later than the truth is allowed, earlier is not.
        if (older->ended_before != 0 && older->ended_before <= newer->seq) m |= kOlderEnded;
        o_xid = older->xid;
        o_seq = older->seq;
        o_at = older->at;
    }
    if (ring.overflowed) {
        // Its witness says nothing: who recovers gets another.
        if (older != nullptr || ring.horizon != ring.largest + 1) return false;
        m |= kOverflowed;
        o_xid = ring.largest;
    } else if (ring.witness != 0) {
        if (newer != nullptr && is_witness(ring, *newer)) {
            m |= kNewerWitness;
        } else if (older == nullptr || is_witness(ring, *older)) {
            m |= kOlderWitness;
            o_xid = ring.witness;
            o_seq = ring.witness_seq;
        } else {
            return false;
        }
    }
    marks = m;
    newer_xid = newer != nullptr ? newer->xid : 0;
    newer_at = newer != nullptr ? newer->at : 0;
    older_xid = o_xid;
    older_seq = o_seq;
    older_at = o_at;
    publish(ring);
    return true;
}

bool TagNode::pack_settled(const WriterRing& ring) {
    WriterRing settled = ring;
    settled.settle();
    return pack(settled);
}

void TagNode::pack_overflowed(WriterRing ring) {
    ring.keep_newest();
    pack(ring);
}

void TagNode::unpack(WriterRing* ring) const {
    ring->init();
    ring->last_seq = head.last_seq;
    ring->guard = head.guard;
    ring->overflowed = (marks & kOverflowed) != 0;
    ring->largest = ring->overflowed ? older_xid : head.guard;
    ring->horizon = ring->overflowed ? older_xid + 1 : 0;
    if ((marks & kOlder) != 0) {
        ring->records[ring->record_count++] = {older_xid,
                                               tag,
                                               older_seq,
                                               (marks & kOlderEnded) != 0 ? head.last_seq : 0,
                                               (marks & kOlderBorrowed) != 0 ? Seq{1} : Seq{0},
                                               0,
                                               older_at};
    }
    if ((marks & kNewer) != 0) {
        ring->records[ring->record_count++] = {
            newer_xid, tag,     head.last_seq, 0, (marks & kNewerBorrowed) != 0 ? Seq{1} : Seq{0},
            0,         newer_at};
    }
    if ((marks & kOlderWitness) != 0) {
        ring->witness = older_xid;
        ring->witness_seq = older_seq;
    } else if ((marks & kNewerWitness) != 0) {
        ring->witness = newer_xid;
        ring->witness_seq = head.last_seq;
    }
}

}  // namespace cache_ext::core
