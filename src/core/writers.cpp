#include "core/writers.hpp"

#include <algorithm>

namespace cache_ext::core {

void WriterRing::init(std::uint8_t ring_capacity, std::uint8_t lost_capacity) {
    *this = WriterRing{};
    capacity = ring_capacity;
    can_lose = lost_capacity;
}

void WriterRing::append(const WriterRecord& record) {
    records[record_count++] = record;
    largest = std::max(largest, record.xid);
    publish_guard();
    // After the guard: whoever sees the new sequence number also sees a guard that covers it.
    if (record.seq > last_seq) store_release(last_seq, record.seq);
}

std::uint32_t WriterRing::add(const WriterRecord& record, const Ended& ended,
                              WriterRecord* dropped) {
    const Xid xid = record.xid;
    const Seq seq = record.seq;
    largest = std::max(largest, xid);  // before anything is forgotten: a horizon lies above xid
    for (std::uint32_t i = 0; i < record_count; ++i) {
        WriterRecord& r = records[i];
        if (r.ended_before == 0 && ended.contains(r.xid)) r.ended_before = seq;
    }
    lost_count = static_cast<std::uint8_t>(
        std::remove_if(lost, lost + lost_count, [&](Xid x) { return ended.contains(x); }) - lost);
    const bool reached = horizon != 0 && horizon <= ended.oldest_running;
    if (overflowed && reached) horizon = 0;

    const std::uint32_t dropped_count = make_room(dropped, reached);
    if (overflowed && lost_count == 0 && horizon == 0 && !record.borrowed) {
        witness = xid;  // all that was lost had ended before this registration
        witness_seq = seq;
        overflowed = false;
        hard_lost = false;
        distrusted = false;
    }
    if (record.hard) {
        // Seeing the new one implies those that have ended. One that registers once more, or that
        // several register for, needs no second place.
        const auto needless = [&](Xid x) { return x == xid || ended.contains(x); };
        hard_count =
            static_cast<std::uint8_t>(std::remove_if(hard, hard + hard_count, needless) - hard);
        if (hard_count == kMaxHard) {
            horizon = largest + 1;
            overflowed = true;
            distrusted = false;
            floored = false;
            hard_lost = true;
            hard_count = 0;
        }
        hard[hard_count++] = xid;
        last_hard = seq;
    }
    append(record);
    return dropped_count;
}

std::uint32_t WriterRing::make_room(WriterRecord* dropped, bool horizon_reached) {
    std::uint32_t n = 0;
    if (record_count >= capacity) n = forget_ended(dropped);
    if (record_count >= capacity) n += overflow(dropped + n, horizon_reached);
    return n;
}

std::uint32_t WriterRing::forget_ended(WriterRecord* dropped) {
    const WriterRecord* keep = nullptr;
    for (std::uint32_t i = 0; i < record_count; ++i) {
        const WriterRecord& r = records[i];
        if (r.ended_before != 0 && !r.borrowed && (keep == nullptr || r.seq > keep->seq)) keep = &r;
    }
    if (keep == nullptr) return 0;
    const WriterRecord kept = *keep;  // the loop below moves records
    std::uint32_t n = 0, left = 0;
    for (std::uint32_t i = 0; i < record_count; ++i) {
        const WriterRecord r = records[i];
        // Dropped: those that had ended before the kept one registered.
        if (r.seq != kept.seq && r.ended_before != 0 && r.ended_before <= kept.seq) {
            dropped[n++] = r;
        } else {
            records[left++] = r;
        }
    }
    record_count = static_cast<std::uint8_t>(left);
    if (n > 0 && kept.seq > witness_seq) {
        witness = kept.xid;
        witness_seq = kept.seq;
    }
    return n;
}

std::uint32_t WriterRing::overflow(WriterRecord* dropped, bool horizon_reached) {
    const std::uint32_t n = record_count;
    // All below the floor have ended before the writer registers that will end the overflow.
    if (!overflowed && horizon_reached) horizon = 0;
    overflowed = true;
    distrusted = false;
    floored = false;
    for (std::uint32_t i = 0; i < n; ++i) {
        dropped[i] = records[i];
        if (records[i].ended_before == 0) lose(records[i].xid);
    }
    if (horizon != 0) lose_all();  // it has to rise even if none of them is running
    record_count = 0;
    witness = 0;
    witness_seq = 0;
    return n;
}

void WriterRing::lose(Xid xid) {
    if (std::find(lost, lost + lost_count, xid) != lost + lost_count) return;
    if (horizon == 0 && lost_count < can_lose) {
        lost[lost_count++] = xid;
    } else {
        lose_all();
    }
}

// Past the bound the ring remembers only a horizon, above every writer it has ever seen. The
// witness that is given up may be younger than the lost writers; and whoever is served has to see
// the registrant, who is what speaks against entries older than the records dropped for it.
void WriterRing::lose_all() {
    horizon = largest + 1;
    lost_count = 0;
}

std::uint32_t WriterRing::possibly_running(Xid* out) const {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < record_count; ++i) {
        if (records[i].ended_before == 0) out[n++] = records[i].xid;
    }
    n = static_cast<std::uint32_t>(std::copy(lost, lost + lost_count, out + n) - out);
    return static_cast<std::uint32_t>(std::copy(hard, hard + hard_count, out + n) - out);
}

std::uint32_t WriterRing::absorb(const WriterRing& from, Tag tag, WriterRecord* dropped) {
    std::uint32_t n = 0;
    largest = std::max(largest, from.largest);
    for (std::uint32_t i = 0; i < from.record_count; ++i) {
        if (from.records[i].tag != tag) continue;
        n += make_room(dropped + n, false);
        append(from.records[i]);
    }
    if (from.overflowed) {
        overflowed = true;
        distrusted = false;
        floored = false;
        for (std::uint32_t i = 0; i < from.lost_count; ++i) lose(from.lost[i]);
        if (horizon != 0 || from.horizon != 0) lose_all();
    }
    if (from.witness_seq > witness_seq) {
        witness = from.witness;
        witness_seq = from.witness_seq;
    }
    publish_guard();
    return n;
}

void WriterRing::distrust(Xid next_xid) {
    distrusted = !overflowed;
    overflowed = true;
    floored = false;
    largest = std::max(largest, next_xid - 1);
    lose_all();
    publish_guard();
}

// If it has overflowed for real meanwhile, or found its way out, there is nothing to take back.
void WriterRing::trust() {
    if (!distrusted) return;
    overflowed = false;
    distrusted = false;
    if (!floored) horizon = 0;
    publish_guard();
}

// What an overflow has lost lies below the new horizon, too, as that is above all there ever were.
void WriterRing::unknown_below(Xid next_xid) {
    largest = std::max(largest, next_xid - 1);
    if (overflowed && !distrusted) {
        lose_all();
    } else {
        // Distrust may be taken back, this may not.
        horizon = std::max(horizon, next_xid);
        floored = true;
    }
    publish_guard();
}

bool WriterRing::sees_hard(const Snapshot& s) const {
    for (std::uint32_t i = 0; i < hard_count; ++i) {
        if (s.in_progress(hard[i])) return false;
    }
    return true;
}

bool WriterRing::usable(const Snapshot& s) const {
    if (!sees_hard(s)) return false;
    // All that was forgotten lies below the horizon, and never above the largest.
    if (overflowed) return s.xmin >= (horizon != 0 ? horizon : largest + 1);
    if (s.xmin < horizon) return false;
    return witness == 0 || !s.in_progress(witness);
}

bool WriterRing::agrees(Tag tag, Seq seq, const Unseen& unseen, const Snapshot& s) const {
    if (!usable(s)) return false;
    for (std::uint32_t i = 0; i < record_count; ++i) {
        const WriterRecord& r = records[i];
        if (r.tag == tag && contradicted_by(r, seq, unseen) != s.in_progress(r.xid)) return false;
    }
    return true;
}

bool WriterRing::older_since(Tag tag, Seq seq, const Unseen& unseen, Millis if_dropped,
                             const Snapshot& s, Millis* since) const {
    if (last_hard > seq) return false;
    // Records dropped since the value was published, or of writers that it could not see.
    if (overflowed || witness_seq > seq || (witness_seq != 0 && unseen.count > 0)) {
        *since = std::min(*since, if_dropped);
    }
    for (std::uint32_t i = 0; i < record_count; ++i) {
        const WriterRecord& r = records[i];
        if (r.tag != tag || !contradicted_by(r, seq, unseen) || s.in_progress(r.xid)) continue;
        *since = std::min(*since, r.at);
    }
    return true;
}

Rule WriterRing::blame(const Snapshot& s, Xid* xid) const {
    for (std::uint32_t i = 0; i < hard_count; ++i) {
        *xid = hard[i];
        if (s.in_progress(hard[i])) return Rule::kHard;
    }
    *xid = 0;
    if (usable(s)) return Rule::kNone;
    if (overflowed) return Rule::kOverflow;
    if (s.xmin < horizon) return Rule::kUnrecorded;
    *xid = witness;
    return Rule::kWitness;
}

Rule WriterRing::blame(Tag tag, Seq seq, const Unseen& unseen, const Snapshot& s, Xid* xid) const {
    const Rule rule = blame(s, xid);
    for (std::uint32_t i = 0; rule == Rule::kNone && i < record_count; ++i) {
        const WriterRecord& r = records[i];
        if (r.tag != tag || contradicted_by(r, seq, unseen) == s.in_progress(r.xid)) continue;
        *xid = r.xid;
        return Rule::kDisagreement;
    }
    return rule;
}

bool WriterRing::unseen_by(Tag tag, const Snapshot& f, Unseen* unseen, Xid self) const {
    if (!usable(f)) return false;
    for (std::uint32_t i = 0; i < record_count; ++i) {
        const WriterRecord& r = records[i];
        if (r.tag != tag || r.xid == self || !f.in_progress(r.xid)) continue;
        if (!unseen->add(r.xid)) return false;
    }
    return true;
}

bool WriterRing::has(Tag tag, Xid xid) const {
    return std::any_of(records, records + record_count,
                       [&](const WriterRecord& r) { return r.tag == tag && r.xid == xid; });
}

bool WriterRing::has_hard(Xid xid) const {
    return std::find(hard, hard + hard_count, xid) != hard + hard_count;
}

Xid WriterRing::newest(Tag tag) const {
    const WriterRecord* best = nullptr;
    for (std::uint32_t i = 0; i < record_count; ++i) {
        if (records[i].tag == tag && (best == nullptr || records[i].seq > best->seq)) {
            best = &records[i];
        }
    }
    return best != nullptr ? best->xid : 0;
}

}  // namespace cache_ext::core
