// The account of an entry whose value writers adjust: which writers have registered, and what they
// add to it.
//
// The value of an aggregate cache is a vector of counts and sums over rows, so what a transaction
// does to it (its *delta*) does not depend on what others do. Of a least value, or of the first N,
// it has two groups of amounts (amounts.hpp): the least that rows have brought, and the least that
// went with rows. While what went leaves enough, the first are known; else nobody knows them
// (docs/guarantees.md).
//
// An account is opened for the snapshot F that its value is loaded under, which was taken before: F
// sees nobody who registers from then on. It has a line for each writer of the key:
//
//   kDelta    F does not see it, and its delta is known: if it commits, its delta is part of the
//             value for whoever sees it
//   kSeen     F sees it, so it is in the value: whoever is served has to see it
//   kUnseen   F does not see it, and its delta is not known: whoever is served must not see it
//
// The value for S is the base and the deltas of the committed writers that S sees. When there is no
// line left, the account is folded: those that had ended before another one registered (the
// *witness*), which has ended as well, go into the base. Whoever sees the witness sees them all. If
// that is not enough, those that have ended and lie below everybody who runs go as well, and the
// *floor* rises above them: whoever's xmin has reached it sees them.
//
// A load derives its account from the one that is there, under the lock under which writers come;
// the first from the ring of the key's tag. docs/guarantees.md has the proof, test/model/account.py
// the executable model that the unit tests replay against this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/amounts.hpp"
#include "core/atomic.hpp"
#include "core/snapshot.hpp"
#include "core/writers.hpp"

namespace cache_ext::core {

inline constexpr std::uint32_t kFirstDeltas = 8;  // lines of a cache's accounts, at first
inline constexpr std::uint32_t kMaxDeltas = 64;   // lines of one account

enum class LineKind : std::uint8_t { kDelta, kSeen, kUnseen };

struct AccountLine {
    Xid xid;
    Seq seq : 48;
    LineKind kind;
    Outcome outcome;        // atomic, relaxed: kUnknown becomes another one, once; shared lock
    Seq ended_before : 48;  // seq of the first registration that found it ended; 0: none has
    bool borrowed;          // as WriterRecord::borrowed
};
static_assert(sizeof(AccountLine) == 24 && std::is_trivially_copyable_v<AccountLine>);

// Writers whose deltas are part of the value for a snapshot if they have committed: it sees that
// they have ended, and the account does not know how.
struct SeenDeltas {
    std::uint32_t count = 0;
    Xid xid[kMaxDeltas];
    // One writer's after the other's.
    Amount amounts[kMaxDeltas * kMaxAmounts];
};

// In shared memory: the header, then `capacity` times a line and its amounts. Locking: the
// partition lock of the key, exclusive for every non-const function, shared for const ones. `base`:
// the amounts of the entry's value, `amounts` of them.
struct Account {
    std::uint8_t amounts;   // of the value; constant
    std::uint8_t capacity;  // lines; constant
    std::uint8_t count;
    Groups groups;      // constant
    Xid floor;          // 0, or: must lie at or below a snapshot's xmin
    Xid first_witness;  // of the ring that it was opened from; 0, or: a snapshot must see it
    Xid witness;        // the same, of those that were folded
    Seq witness_seq;
    // Of the load that it was opened for.
    Seq opened;  // tells it from all others of the key
    Xid xmin;    // of the snapshot
    Xid xmax;

    static std::size_t line_bytes(std::uint32_t amounts) {
        return sizeof(AccountLine) + amounts * sizeof(Amount);
    }
    static std::size_t bytes_for(std::uint32_t amounts, std::uint32_t capacity) {
        return sizeof(Account) + capacity * line_bytes(amounts);
    }

    void init(std::uint32_t amount_count, Groups amount_groups, std::uint32_t line_count);

    // What `open` and the others come to.
    enum class Opened : std::uint8_t { kYes, kUnusable, kFull };
    // For a value of f, by the ring of the key's tag as it stands.
    Opened open(const WriterRing& ring, Tag tag, const Snapshot& f);
    // For a value of f, by another account of the same key and the same amounts.
    Opened derive(const Account& old, const Snapshot& f);
    // Takes over all of another account of the same key, for the same load. False: it has more
    // lines.
    bool copy(const Account& old);

    // A writer registers. delta: nullptr if it is not known. False: there is no line left for it,
    // or the base has overflowed: the entry has to go.
    bool add(const WriterRecord& record, const Amount* delta, const Ended& ended,
             std::uint8_t* base);
    // Copies the XIDs of which nobody knows how they ended; room for kMaxDeltas.
    std::uint32_t undecided(Xid* out) const;
    // How a writer has ended that may be listed. Shared lock.
    void note(Xid xid, Outcome outcome) const;

    // Does s see everything this account has forgotten?
    bool usable(const Snapshot& s) const;
    // May the value be given to s?
    bool agrees(const Snapshot& s) const;
    // Why not, and the writer concerned (0: none in particular).
    Rule blame(const Snapshot& s, Xid* xid) const;
    // Merges the deltas that are part of the value for s into `value`, a copy of the base, and adds
    // those that may be to *seen. False: there are some, and `seen` is null; or a sum does not fit.
    bool add_seen(const Snapshot& s, std::uint8_t* value, SeenDeltas* seen) const;

    // Is the base the value for everybody who sees all who have registered?
    bool plain() const;
    // Is there a writer whose delta nobody knows?
    bool unclear() const;
    Xid newest() const;  // the XID of the last line, 0 if there is none

    AccountLine* line(std::uint32_t i) {
        return reinterpret_cast<AccountLine*>(bytes() + i * line_bytes(amounts));
    }
    const AccountLine* line(std::uint32_t i) const {
        return reinterpret_cast<const AccountLine*>(bytes() + i * line_bytes(amounts));
    }
    const std::uint8_t* delta(std::uint32_t i) const {
        return reinterpret_cast<const std::uint8_t*>(line(i) + 1);
    }

  private:
    std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(this + 1); }
    const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
    void mark_ended(Seq seq, const Ended& ended);
    bool fold(std::uint8_t* base);
    bool fold_below(Xid oldest_running, std::uint8_t* base);
    template <class Goes>
    bool add_to_base(std::uint8_t* base, Goes goes);
    void append(const AccountLine& fresh, const void* delta);
    template <class Lines>
    Opened take_over(const Lines& lines, std::uint32_t line_count, const Snapshot& f);
};
static_assert(std::is_trivially_copyable_v<Account> && sizeof(Account) == 80);

}  // namespace cache_ext::core
