#include "core/account.hpp"

#include <algorithm>
#include <cstring>

namespace cache_ext::core {
namespace {

LineKind kind_for(LineKind old, bool sees) {
    if (sees) return LineKind::kSeen;
    return old == LineKind::kDelta ? LineKind::kDelta : LineKind::kUnseen;
}

// Had it ended before the witness registered?
bool implied(const AccountLine& line, Seq witness_seq) {
    return line.ended_before != 0 && line.ended_before <= witness_seq;
}

// Where the lines of a new account come from.
struct RingLines {
    const WriterRing& ring;
    Tag tag;

    bool get(std::uint32_t i, AccountLine* line) const {
        const WriterRecord& r = ring.records[i];
        if (r.tag != tag) return false;
        *line = {};
        line->xid = r.xid;
        line->seq = r.seq;
        line->kind = LineKind::kUnseen;
        line->ended_before = r.ended_before;
        line->borrowed = r.borrowed != 0;
        return true;
    }
    static const std::uint8_t* delta(std::uint32_t) { return nullptr; }
};

struct AccountLines {
    const Account& account;

    bool get(std::uint32_t i, AccountLine* line) const {
        *line = *account.line(i);
        return true;
    }
    const std::uint8_t* delta(std::uint32_t i) const { return account.delta(i); }
};

}  // namespace

void Account::init(std::uint32_t amount_count, Groups amount_groups, std::uint32_t line_count) {
    *this = Account{};
    amounts = static_cast<std::uint8_t>(amount_count);
    groups = amount_groups;
    capacity = static_cast<std::uint8_t>(line_count);
}

void Account::append(const AccountLine& fresh, const void* delta) {
    *line(count) = fresh;
    std::uint8_t* to = reinterpret_cast<std::uint8_t*>(line(count) + 1);
    const std::size_t n = amounts * sizeof(Amount);
    if (fresh.kind == LineKind::kDelta) {
        std::memcpy(to, delta, n);
    } else {
        std::memset(to, 0, n);
    }
    ++count;
}

// Of those that f sees, the floor stands for those below its xmin; of the others, the one that
// registered last stands for those that had ended by then: f sees it, so it has ended.
template <class Lines>
Account::Opened Account::take_over(const Lines& lines, std::uint32_t line_count,
                                   const Snapshot& f) {
    AccountLine l;
    AccountLine newest = {};
    for (std::uint32_t i = 0; i < line_count; ++i) {
        if (lines.get(i, &l) && !l.borrowed && l.xid >= f.xmin && !f.in_progress(l.xid) &&
            l.seq >= newest.seq) {
            newest = l;
        }
    }
    count = 0;
    bool dropped = false;
    for (std::uint32_t i = 0; i < line_count; ++i) {
        if (!lines.get(i, &l)) continue;
        if (l.xid < f.xmin) {
            floor = std::max(floor, l.xid + 1);
            continue;
        }
        l.kind = kind_for(l.kind, !f.in_progress(l.xid));
        if (l.kind == LineKind::kSeen && l.seq != newest.seq && implied(l, newest.seq)) {
            dropped = true;
            continue;
        }
        if (count == capacity) return Opened::kFull;
        append(l, lines.delta(i));
    }
    if (dropped && newest.seq > witness_seq) {
        witness = newest.xid;
        witness_seq = newest.seq;
    }
    return Opened::kYes;
}

Account::Opened Account::open(const WriterRing& ring, Tag tag, const Snapshot& f) {
    if (!ring.usable(f)) return Opened::kUnusable;
    floor = ring.horizon;
    if (ring.overflowed && floor == 0) floor = ring.largest + 1;
    first_witness = ring.overflowed ? 0 : ring.witness;
    witness = 0;
    witness_seq = 0;
    return take_over(RingLines{ring, tag}, ring.record_count, f);
}

Account::Opened Account::derive(const Account& old, const Snapshot& f) {
    if (!old.usable(f)) return Opened::kUnusable;
    floor = old.floor;
    first_witness = old.first_witness;
    witness = old.witness;
    witness_seq = old.witness_seq;
    return take_over(AccountLines{old}, old.count, f);
}

bool Account::copy(const Account& old) {
    if (old.count > capacity || old.amounts != amounts || old.groups != groups) return false;
    const std::uint8_t mine = capacity;
    *this = old;
    capacity = mine;
    std::memcpy(bytes(), old.bytes(), old.count * line_bytes(amounts));
    return true;
}

void Account::mark_ended(Seq seq, const Ended& ended) {
    for (std::uint32_t i = 0; i < count; ++i) {
        AccountLine& l = *line(i);
        if (l.ended_before != 0) continue;
        if (l.outcome == Outcome::kUnknown) l.outcome = ended.outcome_of(l.xid);
        // The load's snapshot sees those in the value, and is older than this registration.
        if (l.outcome != Outcome::kUnknown || l.kind == LineKind::kSeen) l.ended_before = seq;
    }
}

bool Account::add(const WriterRecord& record, const Amount* delta, const Ended& ended,
                  std::uint8_t* base) {
    mark_ended(record.seq, ended);
    for (std::uint32_t i = 0; i < count; ++i) {
        AccountLine& l = *line(i);
        if (l.xid != record.xid) continue;
        // Twice: what it comes to altogether is anybody's guess.
        if (l.kind == LineKind::kDelta) l.kind = LineKind::kUnseen;
        return true;
    }
    if (count == capacity && !fold(base)) return false;
    if (count == capacity && !fold_below(ended.oldest_running, base)) return false;
    if (count == capacity) return false;
    AccountLine fresh = {};
    fresh.xid = record.xid;
    fresh.seq = record.seq;
    fresh.kind = delta != nullptr ? LineKind::kDelta : LineKind::kUnseen;
    fresh.borrowed = record.borrowed != 0;
    append(fresh, delta);
    return true;
}

// Takes the lines out of which goes(line) is true. False: a sum does not fit.
template <class Goes>
bool Account::add_to_base(std::uint8_t* base, Goes goes) {
    std::uint32_t left = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const AccountLine& l = *line(i);
        if (goes(l)) {
            const bool counts = l.kind == LineKind::kDelta && l.outcome == Outcome::kCommitted;
            if (counts && !merge_amounts(base, delta(i), amounts, groups)) return false;
            continue;
        }
        if (left != i) std::memmove(line(left), &l, line_bytes(amounts));
        ++left;
    }
    count = static_cast<std::uint8_t>(left);
    return true;
}

// One whose delta nobody knows stays: it speaks against the value. False: a sum does not fit.
bool Account::fold(std::uint8_t* base) {
    const AccountLine* newest = nullptr;
    for (std::uint32_t i = 0; i < count; ++i) {
        const AccountLine& l = *line(i);
        if (l.ended_before != 0 && !l.borrowed && (newest == nullptr || l.seq > newest->seq)) {
            newest = &l;
        }
    }
    if (newest == nullptr) return true;
    const AccountLine kept = *newest;  // the loop below moves lines
    const std::uint32_t before = count;
    const auto goes = [&](const AccountLine& l) {
        return l.seq != kept.seq && l.kind != LineKind::kUnseen && implied(l, kept.seq);
    };
    if (!add_to_base(base, goes)) return false;
    if (count < before && kept.seq > witness_seq) {
        witness = kept.xid;
        witness_seq = kept.seq;
    }
    return true;
}

bool Account::fold_below(Xid oldest_running, std::uint8_t* base) {
    return add_to_base(base, [&](const AccountLine& l) {
        if (l.kind == LineKind::kUnseen || l.ended_before == 0 || l.xid >= oldest_running) {
            return false;
        }
        floor = std::max(floor, l.xid + 1);
        return true;
    });
}

std::uint32_t Account::undecided(Xid* out) const {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const AccountLine& l = *line(i);
        if (l.kind == LineKind::kSeen || load_relaxed(l.outcome) != Outcome::kUnknown) continue;
        out[n++] = l.xid;
    }
    return n;
}

void Account::note(Xid xid, Outcome outcome) const {
    if (outcome == Outcome::kUnknown) return;
    for (std::uint32_t i = 0; i < count; ++i) {
        // Constant but for this, which all who know agree on.
        auto* l = const_cast<AccountLine*>(line(i));
        if (l->xid == xid) store_relaxed(l->outcome, outcome);
    }
}

bool Account::usable(const Snapshot& s) const {
    return s.xmin >= floor && (first_witness == 0 || !s.in_progress(first_witness)) &&
           (witness == 0 || !s.in_progress(witness));
}

bool Account::agrees(const Snapshot& s) const {
    Xid xid = 0;
    return blame(s, &xid) == Rule::kNone;
}

Rule Account::blame(const Snapshot& s, Xid* xid) const {
    *xid = 0;
    if (s.xmin < floor) return Rule::kUnrecorded;
    for (const Xid w : {first_witness, witness}) {
        if (w == 0 || !s.in_progress(w)) continue;
        *xid = w;
        return Rule::kWitness;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const AccountLine& l = *line(i);
        if (l.kind == LineKind::kDelta || s.in_progress(l.xid) == (l.kind == LineKind::kUnseen)) {
            continue;
        }
        *xid = l.xid;
        return Rule::kDisagreement;
    }
    return Rule::kNone;
}

bool Account::add_seen(const Snapshot& s, std::uint8_t* value, SeenDeltas* seen) const {
    if (seen != nullptr) seen->count = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const AccountLine& l = *line(i);
        if (l.kind != LineKind::kDelta || s.in_progress(l.xid)) continue;
        const Outcome outcome = load_relaxed(l.outcome);
        if (outcome == Outcome::kAborted) continue;
        if (outcome == Outcome::kCommitted) {
            if (!merge_amounts(value, delta(i), amounts, groups)) return false;
            continue;
        }
        if (seen == nullptr) return false;
        std::memcpy(seen->amounts + std::size_t{seen->count} * amounts, delta(i),
                    amounts * sizeof(Amount));
        seen->xid[seen->count++] = l.xid;
    }
    return true;
}

bool Account::plain() const {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (line(i)->kind != LineKind::kSeen) return false;
    }
    return true;
}

bool Account::unclear() const {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (line(i)->kind == LineKind::kUnseen) return true;
    }
    return false;
}

Xid Account::newest() const {
    return count > 0 ? line(count - 1U)->xid : 0;
}

}  // namespace cache_ext::core
