#!/usr/bin/env python3
"""Entries that writers adjust, as an executable model: random histories, every served value checked.

The account of an entry is in account.py; the rings beside it, of the key's tag and of the whole cache, are those
of ring.py. Rows are versions as PostgreSQL has them: the truth for a snapshot is the count, the sum, the least
and the first ones of those that it sees; the least and the first ones may be untold, when a row that had them may
have gone. A history interleaves
writers (savepoints, aborted, prepared, some that do not know their delta, some that register on the whole cache
instead), loads whose snapshot, opening and publishing lie apart, reads under fresh and old snapshots, and
evictions. Lists and rings are tiny on purpose.

  aggregate.py [--histories N] [--seed N] [--steps N] [--trace FILE|-] [--break NAME | --list-breaks]

Exit status 1 on the first wrong value, and when too few of the fresh reads of what is cached were served, or told
the least and the first ones. With --break, the exit status says whether the mistake was caught: 0 if so.
"""
import random
import sys

from account import ABORTED, COMMITTED, NONE, SUMS, WANTED, ZERO, Account, firsts, least, plus, row
from aggregate_trace import TracedAccount
from command import command
from ring import Ended, Ring, Snapshot
from trace import Trace

BREAKS = {
    "fold-too-soon": "a writer is folded although its witness registered before it ended",
    "fold-oldest": "the witness is the oldest writer that has ended, not the newest",
    "fold-running": "a writer that has not ended is folded, as if it had aborted",
    "fold-aborted": "the delta of an aborted writer is folded into the base",
    "fold-loses": "and that of a committed one is not",
    "fold-unseen": "one whose delta nobody knows is folded",
    "fold-adds-seen": "one that is in the base already is added when it is folded",
    "fold-unknown": "a writer of which nobody knows how it ended counts as committed",
    "fold-without-floor": "those below everybody who runs are folded, and the floor does not rise",
    "compact-without-floor": "nor does it for those below the snapshot of the load",
    "no-witness": "a snapshot need not see the witness",
    "no-room-ignored": "a writer that finds no room in the list is not listed, and the entry stays",
    "base-replaces": "what was folded before the value was loaded is lost",
    "adds-unseen": "the delta of a committed writer is added though the snapshot does not see it",
    "adds-aborted": "that of an aborted one is added",
    "seen-not-needed": "a snapshot need not see what the fill has seen",
    "unseen-ignored": "it may see a writer whose delta nobody knows",
    "unknown-is-zero": "a delta that is not known counts as nothing",
    "second-ignored": "of a writer that registers twice only the first delta counts",
    "open-unusable": "an account is opened by a snapshot that cannot judge the ring",
    "open-without-records": "an account does not take over what is on record in the ring",
    "open-forgets-witness": "nor the ring's witness",
    "open-forgets-lost": "nor that it has overflowed",
    "open-late": "it takes the ring over as it was when the snapshot was taken, not when it is linked",
    "open-before-snapshot": "the snapshot of a load is younger than its account",
    "opened-by-another": "a load is published with the account of another load",
    "opening-not-registered": "writers register with the value that is there only, not with the one to come",
    "value-not-registered": "and the other way round",
    "derive-unusable": "an account is derived for a snapshot that cannot judge the old one",
    "derive-forgets-witness": "a derived account does not take over the witness",
    "derive-keeps-deltas": "deltas that the new value contains stay on the list",
    "derive-drops-deltas": "deltas that it does not contain do not",
    "derive-drops-seen": "older snapshots need not see what has come into the value",
    "derive-drops-unseen": "a writer whose delta nobody knows is not taken over",
    "derive-keeps-seen": "one that the old value contains counts as contained in the new one",
    "compact-without-witness": "one stands for others that are in the value, and need not be seen itself",
    "compact-too-much": "one stands for others that had not ended when it registered",
    "quick-despite-deltas": "the fast path serves the base alone while there are deltas",
    "register-at-commit": "writers register when their commit is visible already",
    "prepared-is-aborted": "a prepared transaction counts as aborted",
    "savepoint-counted": "what was rolled back to a savepoint is in the delta",
    "moved-by-half": "a row that changes its key is counted where it comes to only",
    "whole-ignored": "a change of the whole cache says nothing against the value",
    "gone-ignored": "the least value is told though a row that had it went",
    "gone-strict": "only a row that went with a lesser value speaks against it",
    "fold-loses-least": "the least that came is not folded with the counts",
    "fold-loses-gone": "nor is the least that went",
    "least-begins-at-zero": "the least of what was folded before the value was loaded begins at zero",
    "update-tells-no-least": "a row that changes within its key brings nothing",
    "update-hides-gone": "and nothing goes with it",
    "firsts-gone-ignored": "of the first values, those that went are told",
    "firsts-limit-ignored": "what went and found no room is not thought of",
    "firsts-limit-strict": "only of values behind the last that went, not of those equal to it",
    "firsts-full-ignored": "fewer than wanted are told though there may be more than there was room for",
    "firsts-once": "of rows with one value one is kept",
    "fold-loses-firsts": "the first values that came are not folded with the counts",
    "fold-loses-firsts-gone": "nor are those that went",
    "zero-is-nothing": "a change that counts and sums say nothing of is not registered",
}
ENOUGH = 0.6          # of the fresh reads of what is cached that must have been served
ENOUGH_TOLD = 0.7     # of those that told the least
ENOUGH_FIRSTS = 0.95  # of those that told the first ones, which have a reserve
WHOLE = 0
KEYS = range(3)


class Version:
    def __init__(self, key, amount, made_by):
        self.key, self.amount, self.made_by, self.ended_by = key, amount, made_by, []


class Database:
    def __init__(self):
        self.next_xid, self.latest_completed = 3, 2
        self.active, self.prepared, self.committed = set(), set(), set()
        self.versions = []

    def snapshot(self):
        return Snapshot(self.active, self.latest_completed + 1)

    def begin(self):
        xid, self.next_xid = self.next_xid, self.next_xid + 1
        self.active.add(xid)
        return xid

    def end(self, xid, commit):
        self.active.discard(xid)
        self.prepared.discard(xid)
        self.latest_completed = max(self.latest_completed, xid)
        if commit:
            self.committed.add(xid)

    def outcome(self, xid):
        return COMMITTED if xid in self.committed else ABORTED

    def newest(self, xid):
        """The versions that a writer may change now, without waiting: of rows that no running one has touched."""
        gone = lambda v: any(x == xid or x in self.committed or x in self.active for x in v.ended_by)
        return [v for v in self.versions if (v.made_by == xid or v.made_by in self.committed) and not gone(v)]

    def value(self, key, s):
        seen = lambda x: x in self.committed and not s.in_progress(x)
        rows = [v.amount for v in self.versions
                if v.key == key and seen(v.made_by) and not any(seen(x) for x in v.ended_by)]
        return sorted(rows)


class Wrong(Exception):
    pass


class Writer:
    def __init__(self, xid):
        self.xid = xid
        self.changes = []    # (key, amounts)
        self.counted = {}    # rolled back, and counted by mistake
        self.looked = None   # the snapshot that tells who has ended
        self.tags = []       # still to be registered: keys, or WHOLE (None)


class Entry:
    def __init__(self, key, account):
        self.key, self.account = key, account
        self.f = None           # the snapshot that it was opened under
        self.plain_seq = None   # last_seq of the slot when it was opened
        self.cache_seq, self.unseen = 0, frozenset()
        self.touched = False    # has a writer registered since?


class History:
    def __init__(self, seed, broken, trace):
        self.broken, self.r, self.db, self.trace = broken, random.Random(seed), Database(), trace
        r = self.r
        make = lambda: Ring(*r.choice([(2, 0), (2, 0), (3, 2), (8, 4)]), broken)
        self.slots = [make() for _ in range(r.choice([1, 2, 3]))]
        self.whole = make()
        self.seqs = [0] * (len(self.slots) + 1)
        self.capacity = r.choice([2, 3, 3, 4, 6, 12])
        self.entries, self.opened = {}, {}
        self.running, self.committing, self.ready, self.late = [], [], [], []
        self.fills, self.loads, self.old = [], [], []
        self.keys = r.sample(KEYS, r.choice([1, 1, 2, 3]))
        self.unknown_share = r.choice([0, 0, .05, .3])
        self.whole_share = r.choice([0, 0, 0, .1])
        self.twice_share = r.choice([0, 0, .1])
        self.prepared_share = r.choice([.02, .1, .3])
        self.forgotten_share = r.choice([0, 0, .2])  # of outcomes that nobody can tell any more
        self.old_share = r.choice([.1, .4, .7])
        self.opening_share = r.choice([.5, .9, 1])
        self.takes_over = r.choice([.2, .8, 1])
        self.noting = r.choice([0, .3, 1])
        self.spread = r.choice([2, 100, 10**6])      # of amounts: few have ties, and old least ones
        self.reads = self.served = self.told = self.told_firsts = 0
        if r.random() < .4:
            self.db.begin()  # a long transaction that holds everybody's xmin back

    def some(self, things):
        return things.pop(self.r.randrange(len(things)))

    def slot(self, key):
        return self.slots[key % len(self.slots)]

    def next_seq(self, key):
        i = len(self.slots) if key is None else key % len(self.slots)
        self.seqs[i] += 1
        return self.seqs[i]

    def run(self, steps):
        weights = {self.begin: 8, self.change: 16, self.savepoint: 3, self.register: 20, self.end: 13,
                   self.end_prepared: 2, self.keep_snapshot: 5, self.take: 6, self.open: 7, self.publish: 7,
                   self.fill_at_once: 4, self.remove: .6, self.read: 10}
        for _ in range(8):  # bursts and quiet times
            emphasised = [w * self.r.choice([.1, 1, 1, 3]) for w in weights.values()]
            for operation in self.r.choices(list(weights), emphasised, k=steps // 8):
                operation()
        return self.reads, self.served, self.told, self.told_firsts

    # --- writers ---

    def begin(self):
        if len(self.running) < 6:
            self.running.append(Writer(self.db.begin()))

    def change(self):
        """Inserts, deletes, updates or moves a row."""
        if not self.running:
            return
        w, r, db = self.r.choice(self.running), self.r, self.db
        rows = [v for v in db.newest(w.xid) if v.key in self.keys]
        old = r.choice(rows) if rows and r.random() < .7 else None
        gone = old and r.random() < .4
        new = None if gone else Version(r.choice(self.keys), r.randint(-self.spread, self.spread), w.xid)
        taken = row(-1, -old.amount, went=[old.amount]) if old else ZERO
        if old:
            old.ended_by.append(w.xid)
        if new:
            db.versions.append(new)
        if old and new and old.key == new.key:
            w.changes.append((new.key, self.within(old.amount, new.amount), old, new))
            return
        if old:
            half = "moved-by-half" in self.broken and not gone
            w.changes.append((old.key, ZERO if half else taken, old, None))
        if new:
            w.changes.append((new.key, row(1, new.amount, came=[new.amount]), None, new))

    def within(self, old, new):
        """What an update adds that leaves the row where it is."""
        if old == new:
            return ZERO
        return row(0, new - old, [] if "update-tells-no-least" in self.broken else [new],
                   [] if "update-hides-gone" in self.broken else [old])

    def savepoint(self):
        """ROLLBACK TO SAVEPOINT: some of the last changes have not happened."""
        if not self.running:
            return
        w = self.r.choice(self.running)
        for _ in range(self.r.randint(0, len(w.changes))):
            key, amounts, ended, made = w.changes.pop()
            if ended:
                ended.ended_by.remove(w.xid)
            if made:
                self.db.versions.remove(made)
            if "savepoint-counted" in self.broken:
                w.counted[key] = plus(w.counted.get(key, ZERO), amounts)

    def register(self):
        """PRE_COMMIT or PRE_PREPARE, one key at a time."""
        if self.late and self.r.random() < .5:
            w = self.r.choice(self.late)
            self.register_one(w)
            if not w.tags:
                self.late.remove(w)
            return
        if not self.committing or self.running and self.r.random() < .5:
            if not self.running:
                return
            w, r = self.some(self.running), self.r
            w.looked = self.db.snapshot()
            delta = dict(w.counted)
            for key, amounts, _, _ in w.changes:
                delta[key] = plus(delta.get(key, ZERO), amounts)
            delta = {key: amounts for key, amounts in delta.items() if amounts != ZERO and not (
                "zero-is-nothing" in self.broken and amounts[:SUMS] == ZERO[:SUMS])}
            if delta and r.random() < self.whole_share:
                w.tags = [(None, None)]
            else:
                for key, amounts in delta.items():
                    if r.random() < self.unknown_share:
                        amounts = None
                    if amounts and r.random() < self.twice_share:
                        part = tuple(r.randint(-3, 3) for _ in amounts[:SUMS])
                        rest = tuple(-x for x in part)
                        w.tags += [(key, part + ZERO[SUMS:]), (key, plus(amounts, rest + ZERO[SUMS:]))]
                    else:
                        w.tags.append((key, amounts))
            (self.ready if "register-at-commit" in self.broken else self.committing).append(w)
        else:
            w = self.r.choice(self.committing)
            if w.tags:
                self.register_one(w)
            if not w.tags:
                self.committing.remove(w)
                if self.r.random() < self.prepared_share:
                    self.db.prepared.add(w.xid)
                else:
                    self.ready.append(w)

    def register_one(self, w):
        key, amounts = w.tags.pop(self.r.randrange(len(w.tags)))
        ring = self.whole if key is None else self.slot(key)
        ended = Ended({x for x in ring.possibly_running() if not w.looked.in_progress(x)}, w.looked.xmin)
        accounts = [e for e in (self.opened.get(key), self.entries.get(key)) if e]
        outcomes = {}
        for e in accounts:
            for x in e.account.undecided():
                if not w.looked.in_progress(x) and self.r.random() >= self.forgotten_share:
                    outcomes[x] = self.db.outcome(x)
                elif not w.looked.in_progress(x) and "fold-unknown" in self.broken:
                    outcomes[x] = COMMITTED
                elif x in self.db.prepared and "prepared-is-aborted" in self.broken:
                    outcomes[x] = ABORTED
        seq = self.next_seq(key)
        ring.add(WHOLE if key is None else 1 + key, w.xid, seq, False, ended)
        for e in accounts:
            if e is self.opened.get(key) and "opening-not-registered" in self.broken or \
                    e is self.entries.get(key) and "value-not-registered" in self.broken:
                continue
            e.touched = True
            if not e.account.register(w.xid, seq, amounts, outcomes, w.looked.xmin):
                del (self.opened if e is self.opened.get(key) else self.entries)[key]

    def end(self):
        if self.ready:
            w = self.some(self.ready)
            self.db.end(w.xid, self.r.random() < .8)
            if w.tags:  # of those that are broken on purpose
                self.late.append(w)

    def end_prepared(self):
        if self.db.prepared:
            self.db.end(self.r.choice(sorted(self.db.prepared)), self.r.random() < .8)

    # --- loads ---

    def keep_snapshot(self):
        self.old = (self.old + [self.db.snapshot()])[-5:]

    def take(self):
        """The snapshot that a load runs under."""
        old = self.old and self.r.random() < self.old_share
        self.fills.append((self.r.choice(self.keys), self.r.choice(self.old) if old else self.db.snapshot(),
                           self.copy_of_slots() if "open-late" in self.broken else None))

    def copy_of_slots(self):
        copies = []
        for ring in self.slots:
            copy = Ring(ring.capacity, ring.can_lose, self.broken)
            copy.__dict__.update(ring.__dict__)
            copy.records = list(ring.records)
            copies.append(copy)
        return copies

    def make_account(self):
        return TracedAccount(self.trace, self.capacity, self.broken) if self.trace else \
            Account(self.capacity, self.broken)

    def new_entry(self, key, f, slots=None):
        """None: f cannot judge what is there."""
        e = Entry(key, self.make_account())
        known = self.entries.get(key) or self.opened.get(key)
        if known:
            done = e.account.derive(known.account, f)
        else:
            done = e.account.open((slots or self.slots)[key % len(self.slots)], 1 + key, f)
        if not done:
            return None
        e.f, e.plain_seq = f, self.slot(key).last_seq
        return e

    def open(self):
        """Before the loader runs."""
        if not self.fills:
            return
        key, f, slots = self.some(self.fills)
        opened = None
        if self.r.random() < self.opening_share and (
                key not in self.opened or self.r.random() < self.takes_over):
            opened = self.new_entry(key, f, slots)
            if not opened:
                return
            self.opened[key] = opened
        if "open-before-snapshot" in self.broken and self.r.random() < .3:
            f = self.db.snapshot()
        self.loads.append((key, f, opened))

    def publish(self):
        if self.loads:
            self.publish_one(*self.some(self.loads))

    def publish_one(self, key, f, opened):
        e = self.opened.get(key)
        if e and (e is opened or "opened-by-another" in self.broken):
            del self.opened[key]
        else:
            e = self.new_entry(key, f)
        if not e:
            return
        unseen = self.whole.unseen_by(WHOLE, f)
        if unseen is None:
            return
        e.unseen, e.cache_seq = unseen, self.whole.last_seq
        if e.account.records and not e.account.plain():
            e.touched = True
        rows = self.db.value(key, f)
        e.account.set_base(row(len(rows), sum(rows), came=rows))
        self.entries[key] = e

    def fill_at_once(self):
        fills, loads, self.fills, self.loads = self.fills, self.loads, [], []
        self.take()
        self.open()
        self.publish()
        self.fills, self.loads = fills, loads

    def remove(self):
        (self.entries if self.r.random() < .5 else self.opened).pop(self.r.choice(self.keys), None)

    def read(self):
        """Every key, under a fresh snapshot and all old ones."""
        fresh = self.db.snapshot()
        for k in self.keys:
            e = self.entries.get(k)
            if not e:
                continue
            for s in [fresh] + self.old:
                truth = self.db.value(k, s)
                whole = self.whole.agrees(WHOLE, e.cache_seq, e.unseen, s) or "whole-ignored" in self.broken
                served = whole and e.account.agrees(s)
                if s is fresh:
                    self.reads, self.served = self.reads + 1, self.served + served
                quick = not e.unseen and (not e.touched or "quick-despite-deltas" in self.broken) and \
                    self.slot(k).quick(e.plain_seq, s) and self.whole.quick(e.cache_seq, s)
                if "quick-despite-deltas" in self.broken:
                    quick = quick or served and not e.unseen and self.slot(k).guard() < s.xmin
                if quick:
                    if not served:
                        raise Wrong("the fast path serves what the rule forbids: key %d" % k)
                    self.check("the fast path", e.account.base, truth)
                if not served:
                    continue
                value, questions = e.account.value(s)
                for q in questions:
                    outcome = self.db.outcome(q.xid)
                    if outcome == COMMITTED or "adds-aborted" in self.broken:
                        value = plus(value, q.amounts, self.broken)
                    if self.r.random() < self.noting:
                        e.account.note(q.xid, outcome)
                told, told_firsts = self.check("key %d" % k, value, truth)
                if s is fresh:
                    self.told, self.told_firsts = self.told + told, self.told_firsts + told_firsts

    def check(self, who, value, truth):
        """Is the least told, and are the first ones?"""
        told, told_firsts = least(value, self.broken), firsts(value, self.broken)
        if value[:SUMS] != (len(truth), sum(truth)) or told not in (None, min(truth, default=NONE)) or \
                told_firsts not in (None, truth[:WANTED]):
            raise Wrong("%s serves %s, truth %s" % (who, value, truth))
        return told is not None, told_firsts is not None


def run(histories, first_seed, steps, broken, trace_file):
    """Totals, or what went wrong and where."""
    total = [0, 0, 0, 0]
    for seed in range(first_seed, first_seed + histories):
        trace = Trace(trace_file, seed) if trace_file else None
        try:
            out = History(seed, broken, trace).run(steps)
        except Wrong as wrong:
            return None, "seed %d: %s" % (seed, wrong)
        total = [a + b for a, b in zip(total, out)]
    return total, None


def report(histories, totals):
    reads, served, told, told_firsts = totals
    return ("%d histories, %d fresh reads of what is cached, %d served (%.0f %%), %d with the least (%.0f %%), %d with "
            "the first ones (%.0f %%); none wrong" %
            (histories, reads, served, 100 * served / max(reads, 1), told, 100 * told / max(served, 1), told_firsts,
             100 * told_firsts / max(served, 1)),
            served >= ENOUGH * reads and told >= ENOUGH_TOLD * served and told_firsts >= ENOUGH_FIRSTS * served)


if __name__ == "__main__":
    sys.exit(command(__doc__, BREAKS, run, report))
