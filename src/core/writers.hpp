// The agreement rule: which snapshots may be served a value that another snapshot computed.
//
// A *tag* names what an entry depends on. A transaction that changed it (a *writer*) is recorded in
// the tag's ring before its commit can become visible to anybody. Then:
//
//   an entry filled under snapshot F may be served to snapshot S
//   iff F and S agree on every writer of the tag: in progress for both, or for neither.
//
// A ring is small, so writers have to be forgotten. One that has ended may be dropped once a writer
// that registered after that end is kept as its *witness*: whoever sees the witness took its
// snapshot after the dropped one had ended. Whoever does not see it is not judged (`usable` is
// false). A ring full of running writers overflows: it remembers up to `can_lose` of them as lost,
// and until the first writer that registered after all of them had ended is visible, it serves only
// snapshots that see everything it ever recorded; beyond that bound, those whose xmin has reached
// `horizon`.
//
// A *hard* writer changes what even older snapshots read (TRUNCATE, rewriting DDL): no snapshot
// that cannot see it is served or may fill.
//
// Rings can be shared by several tags; records carry theirs. docs/guarantees.md has the proof,
// test/model/agreement.py the executable model that the unit tests replay against this file.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/atomic.hpp"
#include "core/clock.hpp"
#include "core/snapshot.hpp"

namespace cache_ext::core {

using Tag = std::uint64_t;
using Seq = std::uint64_t;  // order of registrations within one partition

inline constexpr std::uint32_t kRingCapacity = 8;
inline constexpr std::uint32_t kMaxLost = 4;
inline constexpr std::uint32_t kMaxHard = 4;
inline constexpr std::uint32_t kMaxUnseen = 2;

// Writers that a fill could not see and that its entry remembers.
struct Unseen {
    std::uint32_t count = 0;
    Xid xid[kMaxUnseen] = {};

    bool contains(Xid x) const {
        for (std::uint32_t i = 0; i < count; ++i) {
            if (xid[i] == x) return true;
        }
        return false;
    }
    // False: no room, the value may not be published.
    bool add(Xid x) {
        if (contains(x)) return true;
        if (count == kMaxUnseen) return false;
        xid[count++] = x;
        return true;
    }
};

struct WriterRecord {
    Xid xid;
    Tag tag;
    Seq seq;
    Seq ended_before : 62 = 0;  // seq of the first registration that found it ended; 0: none has
    // Registered by somebody else, perhaps after it had ended: a snapshot that sees it need not be
    // younger than this registration, so it is no witness.
    Seq borrowed : 1 = 0;
    Seq hard : 1 = 0;
    Millis at = 0;  // when it registered; what it has changed became old later than that
};

// How a transaction has ended; kUnknown: nobody has found out, perhaps it runs.
enum class Outcome : std::uint8_t { kUnknown, kCommitted, kAborted };

// What a registrant knows about other transactions, asked before it takes the lock. Everything
// below oldest_running has ended, and so have the listed ones; anything else counts as running.
struct Ended {
    const Xid* xids = nullptr;
    std::uint32_t count = 0;
    Xid oldest_running = 0;
    const Outcome* outcomes = nullptr;  // of xids, one by one; nullptr: all kUnknown

    bool contains(Xid x) const {
        if (x < oldest_running) return true;
        for (std::uint32_t i = 0; i < count; ++i) {
            if (xids[i] == x) return true;
        }
        return false;
    }
    Outcome outcome_of(Xid x) const {
        for (std::uint32_t i = 0; outcomes != nullptr && i < count; ++i) {
            if (xids[i] == x) return outcomes[i];
        }
        return Outcome::kUnknown;
    }
};

// Why a ring keeps an entry from being served, or a snapshot from filling.
enum class Rule : std::uint8_t {
    kNone,
    kHard,          // a hard writer is in progress for the snapshot
    kOverflow,      // more writers ran at once than it can tell apart
    kUnrecorded,    // a transaction from before what the value depends on was known is in progress
    kWitness,       // the one that stands for forgotten writers is in progress for the snapshot
    kDisagreement,  // a writer is seen by only one of the entry and the snapshot
    kBlind          // the snapshot does not see more writers than an entry can remember
};

// Locking: the partition lock of the tag, exclusive for every non-const function, shared for const
// ones; only quick() may be called without it.
struct WriterRing {
    std::uint8_t capacity;  // at most kRingCapacity; the tests use tiny ones
    std::uint8_t can_lose;  // at most kMaxLost
    std::uint8_t record_count;
    std::uint8_t lost_count;
    std::uint8_t hard_count;
    bool overflowed;
    bool distrusted : 1;  // overflowed only because distrust() said so
    bool floored : 1;     // there is a horizon because unknown_below() said so
    bool hard_lost;       // hard writers were pushed out, and no witness vouches for them yet
    Seq last_seq;         // newest registration; written under the lock, read without it by quick()
    Xid guard;            // largest XID ever registered, or all ones while overflowed; as last_seq
    Xid largest;          // largest XID ever registered
    Seq last_hard;        // newest registration of a hard writer, also once its record is dropped
    Xid witness;  // a snapshot must see it, or what was dropped is unknown to it; 0: nothing
                  // dropped
    Seq witness_seq;
    Xid horizon;  // 0, or: must lie at or below a snapshot's xmin, overflowed or not
    Xid lost[kMaxLost];
    Xid hard[kMaxHard];
    WriterRecord records[kRingCapacity];

    void init(std::uint8_t ring_capacity = kRingCapacity, std::uint8_t lost_capacity = kMaxLost);

    // Records a writer, which must be running unless it is borrowed: it may become a witness.
    // Records that had to make room are copied to `dropped` (room for kRingCapacity); returns how
    // many. If the ring is shared by several tags, the caller must remove the entries that a
    // dropped record contradicts (contradicted_by), under the same lock.
    std::uint32_t add(const WriterRecord& record, const Ended& ended, WriterRecord* dropped);

    // Copies the XIDs that are not known to have ended (room for kRingCapacity + kMaxLost +
    // kMaxHard).
    std::uint32_t possibly_running(Xid* out) const;

    // Takes over what `from` knows of `tag` (a ring that serves one tag and goes away, or a shared
    // one when a tag gets its own). Dropped records as in add(), room for 2 * kRingCapacity.
    std::uint32_t absorb(const WriterRing& from, Tag tag, WriterRecord* dropped);

    // For a ring that may have missed writers: serve nobody who cannot see all below next_xid.
    void distrust(Xid next_xid);
    // Takes that back: the ring knows all writers after all.
    void trust();
    // Values that are published from now on may depend on something whose writers are on record
    // only from next_xid on: serve nobody who cannot see all below. Says nothing against the values
    // that are there. For the ring of a single tag.
    void unknown_below(Xid next_xid);

    // Does S see everything this ring has forgotten, and every hard writer?
    bool usable(const Snapshot& s) const;

    // The read rule for one tag. `seq` is last_seq as it stood when the entry was published.
    bool agrees(Tag tag, Seq seq, const Unseen& unseen, const Snapshot& s) const;

    // For a value that is not newer than S (Origin): lowers *since to the time when the first
    // writer registered that S sees and the value does not know; to if_dropped, if that one's
    // record may have been dropped. False if a hard one has registered since: then the value is
    // not just an older one than S would compute. Asks nothing of S: it need not be usable.
    bool older_since(Tag tag, Seq seq, const Unseen& unseen, Millis if_dropped, const Snapshot& s,
                     Millis* since) const;
    // Does S see every hard writer that the ring remembers?
    bool sees_hard(const Snapshot& s) const;

    // The rule because of which usable() is false, else the one because of which agrees() is, and
    // the writer concerned (0: none in particular).
    Rule blame(const Snapshot& s, Xid* xid) const;
    Rule blame(Tag tag, Seq seq, const Unseen& unseen, const Snapshot& s, Xid* xid) const;

    // Adds the writers of tag that F cannot see. False: F may not publish. `self` counts as seen: a
    // value that its own transaction computed after writing, published after its commit.
    bool unseen_by(Tag tag, const Snapshot& f, Unseen* unseen, Xid self = 0) const;

    // The common case without a lock; implies agrees() for an entry without unseen writers. A
    // writer that S sees registered before S was taken, so both loads are recent enough.
    bool quick(Seq seq, Xid xmin) const {
        return load_acquire(last_seq) <= seq && load_acquire(guard) < xmin;
    }

    // Is this writer of tag on record?
    bool has(Tag tag, Xid xid) const;
    // Is the writer among the hard ones that a snapshot must see?
    bool has_hard(Xid xid) const;

    // The newest writer of tag on record, 0 if none.
    Xid newest(Tag tag) const;

  private:
    void append(const WriterRecord& record);
    std::uint32_t make_room(WriterRecord* dropped, bool horizon_reached);
    std::uint32_t forget_ended(WriterRecord* dropped);
    std::uint32_t overflow(WriterRecord* dropped, bool horizon_reached);
    void lose(Xid xid);
    void lose_all();
    void publish_guard() { store_release(guard, overflowed ? ~Xid{0} : largest); }
};
static_assert(std::is_trivially_copyable_v<WriterRing>);
static_assert(sizeof(WriterRing) == 8 + 7 * 8 + 8 * (kMaxLost + kMaxHard) + 40 * kRingCapacity);

// Does this dropped record speak against an entry with these marks?
inline bool contradicted_by(const WriterRecord& record, Seq seq, const Unseen& unseen) {
    return record.seq > seq || unseen.contains(record.xid);
}

}  // namespace cache_ext::core
