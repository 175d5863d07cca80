"""The account of an entry whose value writers adjust, as src/core/account.hpp has it.

The value of an aggregate cache is a vector of counts and sums over rows: a writer adds its *delta* to it,
whatever the others do. Of a least value it has two: the least that rows have brought, and the least that went
with rows. Of each the lesser one is kept, so that the order does not matter there, either. Of the first values it
has two lists: the first that rows have brought, and the first that went; of each as many are kept as it has room
for, of which the least value is the case of one. An account is opened under the snapshot F that its value will be
loaded under, taken before; so F sees none of those that register from then on. It lists writers of the key, in order
of registration:

  DELTA   F does not see it, and its delta is known: it belongs to the value of those who see it, if it commits
  SEEN    F sees it, so it is in the value: whoever is served has to see it
  UNSEEN  F does not see it, and nobody knows its delta: whoever is served must not see it

The value for S is that of F and the deltas of the committed writers that S sees. A full list is *folded*:
those that had ended before another listed one registered, which has ended as well (the witness), go into the
base. Whoever sees the witness sees them all. If that is not enough, those that have ended and lie below everybody
who runs go as well, and the *floor* rises above them: whoever's xmin has reached it sees them.

The next fill derives its account from the one that is there, or from the ring of the key's tag.
`broken` is a set of names of deliberate mistakes (aggregate.py lists them).
"""
DELTA, SEEN, UNSEEN = "delta", "seen", "unseen"
UNKNOWN, COMMITTED, ABORTED = "unknown", "committed", "aborted"
NONE = 2**127 - 1            # the least of no values
SUMS = 2
WANTED = 3                   # of the first values
GROUPS = (1, 1, 5, 3)        # the least that came, that went; the first that came, that went
# Count, sum, and what is kept in order of each group.
ZERO = (0, 0) + tuple((NONE,) * n for n in GROUPS)


def first(values, group):
    """The first of them in order, as many as the group has; NONE where there are no more."""
    return tuple(sorted(values)[:GROUPS[group]]) + (NONE,) * (GROUPS[group] - len(values))


def row(count, amount, came=(), went=()):
    """What adds this to count and sum, brings rows with these values, and takes others away."""
    return (count, amount, first(came, 0), first(went, 1), first(came, 2), first(went, 3))


def plus(a, b, broken=frozenset()):
    def merged(group, x, y):
        return first(set(x + y) if "firsts-once" in broken else x + y, group)
    return tuple(x + y if i < SUMS else merged(i - SUMS, x, y) for i, (x, y) in enumerate(zip(a, b)))


def least(value, broken):
    """The least value of the rows, NONE if there are none; None: the row that had it may have gone."""
    (came,), (went,) = value[SUMS:SUMS + 2]
    if went == NONE or "gone-ignored" in broken:
        return came
    return None if went < came or went == came and "gone-strict" not in broken else came


def firsts(value, broken):
    """The first values of the rows, WANTED at most; None: there may be others."""
    came, went = value[SUMS + 2:]
    left, rest = [], list(went)
    for v in came:
        if v == NONE:
            break
        if v in rest and "firsts-gone-ignored" not in broken:
            rest.remove(v)
            continue
        # What went and found no room may have been that.
        if went[-1] != NONE and (v >= went[-1] and "firsts-limit-strict" not in broken or v > went[-1]) and \
                "firsts-limit-ignored" not in broken:
            return None
        left.append(v)
        if len(left) == WANTED:
            return left
    return left if came[-1] == NONE or "firsts-full-ignored" in broken else None


class Record:
    def __init__(self, xid, seq, kind, amounts=ZERO, ended_before=0, outcome=UNKNOWN, borrowed=False):
        self.xid, self.seq, self.kind, self.amounts = xid, seq, kind, amounts
        self.ended_before, self.outcome, self.borrowed = ended_before, outcome, borrowed

    def as_seen_by(self, f, broken):
        """What it is for a value of f; None: nothing."""
        sees = not f.in_progress(self.xid)
        kind = SEEN if sees else DELTA if self.kind == DELTA else UNSEEN
        if self.kind == DELTA and sees and "derive-drops-seen" in broken or \
                self.kind == DELTA and not sees and "derive-drops-deltas" in broken or \
                self.kind == UNSEEN and not sees and "derive-drops-unseen" in broken:
            return None
        if self.kind == DELTA and "derive-keeps-deltas" in broken or self.kind == SEEN and "derive-keeps-seen" in broken:
            kind = self.kind
        return Record(self.xid, self.seq, kind, self.amounts, self.ended_before, self.outcome, self.borrowed)


class Account:
    def __init__(self, capacity, broken=frozenset()):
        self.capacity, self.broken = capacity, broken
        self.records = []
        self.base = ZERO
        if "least-begins-at-zero" in broken:
            self.base = ZERO[:SUMS] + ((0,),) + ZERO[SUMS + 1:]
        self.floor = 0                       # S.xmin must have reached it
        self.first_witness = 0               # of the ring that it was opened from: S must see it
        self.witness = self.witness_seq = 0  # the same, of those that were folded

    # --- opening ---

    def open(self, ring, tag, f):
        """From the ring of the key's tag. False: f cannot judge it, or there is no room."""
        if not ring.usable(f) and "open-unusable" not in self.broken:
            return False
        if "open-forgets-lost" not in self.broken:
            self.floor = (ring.horizon or ring.largest + 1) if ring.overflowed else ring.horizon
        if not ring.overflowed and "open-forgets-witness" not in self.broken:
            self.first_witness = ring.witness
        if "open-without-records" not in self.broken:
            self.records = [Record(r.xid, r.seq, UNSEEN if f.in_progress(r.xid) else SEEN,
                                   ended_before=r.ended_before, borrowed=r.borrowed)
                            for r in ring.records if r.tag == tag]
        return self._make_compact(f)

    def derive(self, old, f):
        """From the account that is there. False: f cannot judge it, or there is no room."""
        if not old.usable(f) and "derive-unusable" not in self.broken:
            return False
        self.floor, self.first_witness = old.floor, old.first_witness
        if "derive-forgets-witness" not in self.broken:
            self.witness, self.witness_seq = old.witness, old.witness_seq
        self.records = [r for r in (r.as_seen_by(f, self.broken) for r in old.records) if r]
        return self._make_compact(f)

    def _make_compact(self, f):
        """Of those in the value, the floor stands for those below f's xmin; of the others, one that has ended stands
        for those that had before it registered."""
        below = [r for r in self.records if r.kind == SEEN and r.xid < f.xmin]
        self.records = [r for r in self.records if r not in below]
        if below and "compact-without-floor" not in self.broken:
            self.floor = max([self.floor] + [r.xid + 1 for r in below])
        seen = [r for r in self.records if r.kind == SEEN and not r.borrowed]
        if seen:
            v = max(seen, key=lambda r: r.seq)
            implied = [r for r in self.records if r.kind == SEEN and r is not v and
                       (0 < r.ended_before <= v.seq or "compact-too-much" in self.broken)]
            self._forget(implied, v if "compact-without-witness" not in self.broken else None)
        return len(self.records) <= self.capacity

    def _forget(self, records, witness):
        self.records = [r for r in self.records if r not in records]
        if records and witness and witness.seq > self.witness_seq:
            self.witness, self.witness_seq = witness.xid, witness.seq

    # --- writers ---

    def undecided(self):
        return [r.xid for r in self.records if r.outcome == UNKNOWN and r.kind != SEEN]

    def register(self, xid, seq, amounts, outcomes, oldest_running, borrowed=False):
        """amounts: None if not known. outcomes: of those that had ended before this one's turn came, as everybody
        below oldest_running had. False: there is no room for it, the entry has to go."""
        for r in self.records:
            if r.ended_before:
                continue
            if r.outcome == UNKNOWN and r.xid in outcomes:
                r.outcome = outcomes[r.xid]
            if r.outcome != UNKNOWN or r.kind == SEEN:
                r.ended_before = seq
        known = [r for r in self.records if r.xid == xid]
        if known:
            # Twice: together they may be anything.
            if known[0].kind == DELTA and "second-ignored" not in self.broken:
                known[0].kind = UNSEEN
            return True
        if len(self.records) >= self.capacity:
            self._fold()
        if len(self.records) >= self.capacity:
            self._fold_below(oldest_running)
        if len(self.records) >= self.capacity:
            return "no-room-ignored" in self.broken
        if amounts is None and "unknown-is-zero" in self.broken:
            amounts = ZERO
        self.records.append(Record(xid, seq, DELTA if amounts is not None else UNSEEN, amounts or ZERO,
                                   borrowed=borrowed))
        return True

    def _fold(self):
        vouching = [r for r in self.records if r.ended_before and not r.borrowed]
        if not vouching:
            return
        v = (min if "fold-oldest" in self.broken else max)(vouching, key=lambda r: r.seq)
        gone = [r for r in self.records if r is not v and r.kind != UNSEEN and (
            0 < r.ended_before <= v.seq or r.ended_before and self.broken & {"fold-too-soon", "fold-oldest"} or
            r.kind == DELTA and "fold-running" in self.broken)]
        if "fold-unseen" in self.broken:
            gone += [r for r in self.records if r is not v and r.kind == UNSEEN and 0 < r.ended_before <= v.seq]
        self._add_to_base(gone)
        self._forget(gone, v)

    def _fold_below(self, oldest_running):
        gone = [r for r in self.records if r.kind != UNSEEN and r.ended_before and r.xid < oldest_running]
        self._add_to_base(gone)
        self._forget(gone, None)
        if gone and "fold-without-floor" not in self.broken:
            self.floor = max([self.floor] + [r.xid + 1 for r in gone])

    def _add_to_base(self, gone):
        for r in gone:
            committed = r.outcome == COMMITTED or "fold-aborted" in self.broken
            if r.kind == DELTA and committed and "fold-loses" not in self.broken or \
                    r.kind == SEEN and committed and "fold-adds-seen" in self.broken:
                amounts = list(r.amounts)
                for group, name in enumerate(("least", "gone", "firsts", "firsts-gone")):
                    if "fold-loses-" + name in self.broken:
                        amounts[SUMS + group] = ZERO[SUMS + group]
                self.base = plus(self.base, amounts, self.broken)

    # --- values ---

    def set_base(self, value):
        """What was loaded under the snapshot that the account was opened under. Folded deltas are there already."""
        self.base = value if "base-replaces" in self.broken else plus(self.base, value, self.broken)

    def usable(self, s):
        """Does s see everything this account has forgotten?"""
        return s.xmin >= self.floor and (not self.first_witness or not s.in_progress(self.first_witness)) and \
            (not self.witness or not s.in_progress(self.witness) or "no-witness" in self.broken)

    def agrees(self, s):
        return self.usable(s) and all(
            r.kind == DELTA or s.in_progress(r.xid) == (r.kind == UNSEEN) or
            r.kind == SEEN and "seen-not-needed" in self.broken or
            r.kind == UNSEEN and "unseen-ignored" in self.broken for r in self.records)

    def value(self, s):
        """What is known to be in the value for s, and the writers of which s sees that they have ended, not how."""
        total, open_questions = self.base, []
        for r in self.records:
            if r.kind != DELTA or s.in_progress(r.xid) and "adds-unseen" not in self.broken:
                continue
            if r.outcome == COMMITTED:
                total = plus(total, r.amounts, self.broken)
            elif r.outcome == UNKNOWN:
                open_questions.append(r)
        return total, open_questions

    def note(self, xid, outcome):
        for r in self.records:
            if r.xid == xid and r.outcome == UNKNOWN:
                r.outcome = outcome

    def plain(self):
        """Is the base the value for everybody who sees all that has registered?"""
        return all(r.kind == SEEN for r in self.records)
