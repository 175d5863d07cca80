"""One ring of writers: the agreement rule, as src/core/writers.hpp has it.

A *tag* names what an entry depends on. A transaction that changed it (a *writer*) is recorded in the
tag's ring before its commit can become visible to anybody. Then

  an entry filled under snapshot F may be served to snapshot S
  iff F and S agree on every writer of the tag: in progress for both, or for neither.

What has to be right is what may be forgotten. A writer that has ended may be dropped once a writer that
registered after that is kept in its place (the witness): whoever sees the witness took its snapshot
after the dropped one had ended. Whether a writer has ended is asked when the next one registers; nothing
happens at commit, so a prepared transaction is no special case. A ring full of running writers overflows:
they move to a bounded list of lost ones, and until the first writer that registered after all of them had
ended is visible, only a snapshot that sees everything ever registered here is served; beyond that bound,
only one whose xmin has passed a horizon.

A *hard* writer changes what even older snapshots read (TRUNCATE, rewriting or replacing DDL): a snapshot
that cannot see it neither fills nor hits.

`broken` is a set of names of deliberate mistakes (agreement.py lists them).
"""
NEVER = 1 << 62  # a time
MAX_UNSEEN = 2  # writers that a fill may be blind to and still be published
MAX_HARD = 4    # hard writers that a ring can remember
NO_XID = 1 << 64


class Snapshot:
    """What PostgreSQL's snapshot knows: the XIDs in progress, and the first XID it cannot judge."""
    def __init__(self, active, xmax):
        self.active, self.xmax = frozenset(active), xmax
        self.xmin = min(self.active | {xmax})

        self.running = len([x for x in self.active if x < xmax])

    def in_progress(self, xid):
        return xid >= self.xmax or xid in self.active

    def not_older(self, other, broken=frozenset()):
        """Was it taken at the same time as the other, or later? xmax never goes back, and of two that have
        the same one the later lists fewer."""
        if "stale-to-older" in broken:
            return True
        if self.xmax == other.xmax:
            return self.running <= other.running or "stale-by-xmax" in broken
        return self.xmax > other.xmax

    def same(self, other, broken=frozenset()):
        return self.xmax == other.xmax and (self.running == other.running or "same-by-xmax" in broken)


class Ended:
    """What a registrant has found out about other transactions, before its turn came."""
    def __init__(self, xids, oldest_running):
        self.xids, self.oldest_running = frozenset(xids), oldest_running

    def contains(self, xid):
        return xid < self.oldest_running or xid in self.xids


class Record:
    def __init__(self, xid, tag, seq, borrowed=False, ended_before=0, at=0):
        self.xid, self.tag, self.seq = xid, tag, seq
        self.borrowed = borrowed          # registered by another transaction, perhaps after its end
        self.ended_before = ended_before  # seq of the first registration that found it ended
        self.at = at                      # when it registered

    def contradicts(self, seq, unseen):
        return self.seq > seq or self.xid in unseen


class Ring:
    """capacity: records it can hold; can_lose: pushed-out running writers it can remember."""
    def __init__(self, capacity, can_lose, broken=frozenset()):
        self.capacity, self.can_lose, self.broken = capacity, can_lose, broken
        self.records = []
        self.clock = lambda: 0
        self.last_seq = self.largest = 0
        self.last_hard = 0                   # seq of the newest hard writer, on record or not
        self.witness = self.witness_seq = 0  # S must see it, or what was dropped is unknown to it
        self.overflowed = False              # running writers were pushed out, nobody vouches for them yet
        self.distrusted = False              # overflowed only because distrust() said so
        self.floored = False                 # there is a horizon because unknown_below() said so
        self.lost = []                       # which ones, while they run
        self.horizon = 0                     # more than can_lose of them: must lie at or below S.xmin
        self.hard = []                       # hard writers that S must see

    # --- writers ---

    def add(self, tag, xid, seq, hard, ended, borrowed=False):
        """Returns the records that had to go. If tags share the ring, their entries must go with them.
        A borrowed XID is no witness: seeing it does not mean being younger than this registration."""
        borrowed = borrowed and "borrowed-witness" not in self.broken
        if "horizon-below-registrant" not in self.broken:
            self.largest = max(self.largest, xid)  # before anything is forgotten: horizons lie above xid
        for r in self.records:
            if r.ended_before == 0 and ended.contains(r.xid):
                r.ended_before = seq
        self.lost = [x for x in self.lost if not ended.contains(x)]
        reached = self.horizon <= ended.oldest_running
        if self.overflowed and reached:
            self.horizon = 0
        dropped = self._make_room(reached)
        if self.overflowed and not borrowed and (
                "early-recovery" in self.broken or not self.lost and not self.horizon):
            self.witness, self.witness_seq = xid, seq  # all that was lost had ended
            self.overflowed = self.distrusted = False
        if hard and "hard-ignored" not in self.broken:
            # Seeing xid implies those that have ended; it needs no second place.
            self.hard = [x for x in self.hard if x != xid and not ended.contains(x)]
            if len(self.hard) == MAX_HARD:
                self.hard = []
                if "hard-forgotten" not in self.broken:
                    self.horizon, self.overflowed, self.distrusted = self.largest + 1, True, False
                    self.floored = False
            self.hard.append(xid)
            self.last_hard = seq
        self._append(Record(xid, tag, seq, borrowed, at=self.clock()))
        return dropped

    def possibly_running(self):
        return [r.xid for r in self.records if r.ended_before == 0] + self.lost + self.hard

    def absorb(self, other, tag):
        """Takes over what another ring of the same sequence knows of the tag; returns what had to go."""
        dropped = []
        self.largest = max(self.largest, other.largest)
        for r in other.records:
            if r.tag == tag:
                dropped += self._make_room()
                self._append(Record(r.xid, r.tag, r.seq, r.borrowed, r.ended_before, r.at))
        if other.overflowed and "absorb-forgets-lost" not in self.broken:
            self.overflowed, self.distrusted, self.floored = True, False, False
            for x in other.lost:
                self._lose(x)
            if self.horizon or other.horizon:
                self._lose_all()
        if other.witness_seq > self.witness_seq and "absorb-forgets-witness" not in self.broken:
            self.witness, self.witness_seq = other.witness, other.witness_seq
        return dropped

    def distrust(self, next_xid, for_good=False):
        """The ring may have missed writers below next_xid; for_good: trust() does not take that back. This
        says nothing against entries that know the ring already: whoever has some adds a record as well."""
        self.distrusted = not self.overflowed and not for_good
        self.overflowed, self.floored = True, False
        self.largest = max(self.largest, next_xid - 1)
        self._lose_all()

    def unknown_below(self, next_xid):
        """Values from now on may depend on something whose writers are on record from next_xid on only; this
        says nothing against the entries that are there."""
        self.largest = max(self.largest, next_xid - 1)
        if self.overflowed and not self.distrusted:
            self._lose_all()
        else:
            self.horizon, self.floored = max(self.horizon, next_xid), True

    def trust(self):
        """Takes that back, unless the ring has overflowed for real meanwhile or has found its way out."""
        if self.distrusted or "trust-after-overflow" in self.broken:
            self.overflowed, self.distrusted = False, False
            if not self.floored or "trust-forgets-floor" in self.broken:
                self.horizon = 0

    def _append(self, record):
        self.records.append(record)
        self.largest = max(self.largest, record.xid)
        self.last_seq = max(self.last_seq, record.seq)

    def _make_room(self, reached=False):
        dropped = []
        if len(self.records) >= self.capacity:
            dropped += self._forget_ended()
        if len(self.records) >= self.capacity:
            dropped += self._overflow(reached)
        return dropped

    def _forget_ended(self):
        ended = [r for r in self.records if r.ended_before]
        vouching = [r for r in ended if not r.borrowed]
        if not vouching:
            return []
        keep = (min if "drop-newest" in self.broken else max)(vouching, key=lambda r: r.seq)
        dropped = [r for r in ended if r is not keep and (
            r.ended_before <= keep.seq or self.broken & {"drop-too-soon", "drop-newest"})]
        self.records = [r for r in self.records if r not in dropped]
        if dropped and keep.seq > self.witness_seq:
            self.witness, self.witness_seq = keep.xid, keep.seq
        return dropped

    def _overflow(self, reached):
        dropped, self.records = self.records, []
        if not self.overflowed and (reached or "overflow-forgets-floor" in self.broken):
            self.horizon = 0  # all below the floor end before the writer registers that ends this
        self.floored = False
        before, self.overflowed, self.distrusted = self.horizon, True, False
        self.witness = self.witness_seq = 0
        for r in dropped:
            if r.ended_before == 0:
                self._lose(r.xid)
        if self.horizon and "horizon-not-raised" not in self.broken:
            self._lose_all()
        if self.horizon and "horizon-of-lost" in self.broken:
            self.horizon = max([before - 1] + [r.xid for r in dropped if r.ended_before == 0]) + 1
        return dropped

    def _lose(self, xid):
        if xid in self.lost:
            return
        if self.horizon == 0 and len(self.lost) < self.can_lose:
            self.lost.append(xid)
        elif "lost-without-horizon" not in self.broken:
            self._lose_all()

    def _lose_all(self):
        """The horizon lies above every writer there ever was: the witness that is given up may be younger
        than the lost ones, and whoever is served has to see the registrant, who speaks against entries that
        are older than the records dropped for it."""
        self.horizon, self.lost = self.largest + 1, []

    # --- entries ---

    def usable(self, s):
        """Does S see everything this ring has forgotten, and every hard writer?"""
        if any(s.in_progress(x) for x in self.hard):
            return False
        if self.overflowed:
            if "lost-ignored" in self.broken:
                return True
            if "horizon-of-lost" in self.broken:
                return s.xmin >= self.horizon > 0
            # Everything forgotten lies below the horizon, or at least not above the largest.
            return s.xmin >= (self.horizon or self.largest + 1)
        if s.xmin < self.horizon:
            return False
        return self.witness == 0 or not s.in_progress(self.witness) or "no-witness" in self.broken

    def agrees(self, tag, seq, unseen, s):
        """The read rule. An entry older than a dropped writer needs no mark of its own in a ring of its
        own: the newest writer is never dropped, S has to see it, and the entry has not."""
        return Ring.usable(self, s) and all(
            r.contradicts(seq, unseen) == s.in_progress(r.xid) for r in self.records if r.tag == tag)

    def older_since(self, tag, seq, unseen, if_dropped, s):
        """For a value that is not newer than S: since when does it lack a writer that S sees? if_dropped: the
        answer where that one's record may have gone. None: a hard writer has come since."""
        if self.last_hard > seq and "stale-across-hard" not in self.broken:
            return None
        since = NEVER
        if self.overflowed or self.witness_seq > seq or self.witness_seq and unseen:
            since = NEVER if "stale-dropped-forgotten" in self.broken else if_dropped
        times = [r.at for r in self.records
                 if r.tag == tag and r.contradicts(seq, unseen) and not s.in_progress(r.xid)]
        return min(times + [since]) if "stale-since-last" not in self.broken else max(times + [if_dropped])

    def unseen_by(self, tag, f, unseen=frozenset(), own=0):
        """unseen and the writers of tag that F cannot see; None: F may not publish. The value contains what
        `own` has written: its transaction computed it, and publishes it after its commit."""
        if not Ring.usable(self, f) and "publish-unusable" not in self.broken:
            return None
        unseen = unseen | {r.xid for r in self.records
                           if r.tag == tag and r.xid != own and f.in_progress(r.xid)
                           and not (own and "put-of-others" in self.broken)}
        return unseen if len(unseen) <= MAX_UNSEEN else None

    def guard(self):
        return NO_XID if self.overflowed else self.largest

    def quick(self, seq, s):
        """The common case in two compares; for an entry without unseen writers it implies agrees()."""
        return self.last_seq <= seq and ("quick-without-guard" in self.broken or self.guard() < s.xmin)

    def newest(self, tag):
        return max(((r.seq, r.xid) for r in self.records if r.tag == tag), default=(0, 0))[1]
