#!/usr/bin/env python3
"""The read rule as an executable model: random histories, every served value checked against the truth.

The rule itself is in ring.py, what the store makes of it in cache.py. A history interleaves transactions
(aborted, prepared, hard, and in half of the histories one that runs forever), fills whose snapshot, pinning
and publishing lie apart, reads under fresh and old snapshots, evictions, and now and then a crash or a
control block that goes and comes back. Rings are tiny on purpose.

  agreement.py [--histories N] [--seed N] [--steps N] [--trace FILE|-] [--break NAME | --list-breaks]

Exit status 1 on the first wrong value, and when too few of the right values at hand were served: a rule
that serves nothing is never wrong. With --break, the exit status says whether the mistake was caught: 0 if so.
"""
import random
import sys

from cache import RANGED, RELATION, WHOLE, Cache
from command import command
from ring import Ended, Ring, Snapshot
from scripts import SCRIPTS, Script
from spans import Spans
from trace import Trace, TracedRing, TracedSpans

BREAKS = {
    "drop-too-soon": "a writer is dropped although its witness registered before it ended",
    "drop-newest": "the oldest writer that has ended is kept, not the newest",
    "no-witness": "a snapshot need not see the witness",
    "early-recovery": "a ring recovers from an overflow although lost writers are running",
    "lost-ignored": "an overflowed ring serves everybody",
    "lost-without-horizon": "more lost writers than can be remembered leave no trace",
    "horizon-of-lost": "the horizon is above the lost writers, not above all there ever were",
    "horizon-below-registrant": "nor above the one who registers, whom a reader then need not see",
    "horizon-not-raised": "nor does it rise when more is dropped",
    "hard-ignored": "a hard writer is one like any other",
    "hard-forgotten": "more hard writers than can be remembered leave no trace",
    "quick-without-guard": "the fast path does not compare the largest XID with xmin",
    "quick-despite-unseen": "the fast path serves entries that have unseen writers",
    "publish-unusable": "a fill is published although its snapshot cannot judge the ring",
    "unseen-ignored": "an entry does not remember the writers that its fill could not see",
    "unseen-of-key-only": "an entry remembers them for its own key only",
    "unseen-not-rechecked": "the key's sequence number is newer than the look at its unseen writers",
    "key-not-rechecked": "an entry is linked though the record that contradicts it was dropped meanwhile",
    "late-sequence": "the sequence numbers of the other tags are read when the entry is linked",
    "keep-contradicted": "a record dropped from a shared ring does not take its tag's entry with it",
    "node-without-absorb": "a tag's own ring starts empty",
    "no-fold-back": "a tag's own ring is thrown away with the last entry",
    "key-writers-in-node-only": "a key that has a ring of its own is not recorded in the shared one",
    "absorb-forgets-witness": "a ring that takes over another's records does not take its witness",
    "absorb-forgets-lost": "nor that it has overflowed",
    "register-at-commit": "writers register when their commit is visible already",
    "register-half": "a commit becomes visible when the first of its tags is registered",
    "prepared-is-ended": "a prepared transaction counts as ended",
    "missed-writers-trusted": "a control block made after a shortage knows nothing and is trusted",
    "trust-after-overflow": "trust in a control block that was found complete undoes a real overflow",
    "trust-after-distrust": "and so it does a distrust that had another reason",
    "tracked-without-floor": "a value that read a relation for the first time is served to everybody",
    "tracked-by-half": "it is published although writers do not know of the relation yet",
    "floor-before-announcement": "the XID is asked for before writers can find the relation",
    "tracked-unregistered": "a writer of a tracked relation does not register",
    "trust-forgets-floor": "trust in a new control block undoes what was found out about its relations",
    "overflow-forgets-floor": "and so does an overflow, before all below have ended",
    "distrust-keeps-entries": "a change that nobody can name speaks only against later fills",
    "put-of-others": "a value put by its own transaction counts as having seen all others",
    "borrowed-witness": "a transaction that another one has registered can be a witness",
    "crash-forgets-prepared": "after a crash nobody remembers the prepared transactions",
    "crash-registers-prepared": "or only those that have not ended when the cache is used first",
    "crash-softens-prepared": "or nobody remembers which of them are hard",
    "stale-to-older": "an old value is served to a snapshot that is older than it",
    "stale-by-xmax": "one with the same xmax counts as not older",
    "stale-across-hard": "an old value is served although a hard writer has come since",
    "stale-since-last": "it is old since the last writer, not since the first",
    "stale-dropped-forgotten": "writers whose record is dropped have not made it old",
    "stale-mark-untimed": "nor have those that were dropped from a shared ring",
    "old-not-marked": "in a shared ring nothing speaks against an entry that is kept as an old value",
    "old-as-others": "a fill that cannot be judged is published as if it could",
    "old-before-hard": "it is published as an old value although it misses a hard writer",
    "old-below-unknown": "or one that nobody remembers",
    "same-by-xmax": "a snapshot with the same xmax counts as the same",
    "hull-too-small": "a writer of a ranged tag registers one of the instants that it has changed",
    "absorbed-span": "a record from a shared ring, which has no spans, covers one instant",
    "span-not-folded": "a dropped record takes its span with it: the witness is of other instants",
    "fold-without-hull": "two forgotten spans become one of them",
    "fold-keeps-oldest": "and what they become counts as old as the older one",
    "blind-to-forgotten": "a forgotten span says nothing against a younger entry with unseen writers",
}
UNKNOWN = object()  # the truth for a snapshot older than a hard change: never to be served
ENOUGH = 0.6        # of the right values at hand that fresh snapshots must have been served

# Keys 0 to 7 and what their entries depend on beyond their own key and the whole cache: groups of
# keys, other keys (4 and 5 are filled by reading 0 and 1), and some instants of a group whose rows have one.
KEYS = range(8)
GROUPS = {2: ["g0"], 3: ["g1"], 4: ["g0", "g1"], 6: ["ranged"], 7: ["ranged"]}
NESTED = {4: [0], 5: [0, 1]}
TAGS = {**{k: 1 + k for k in KEYS}, "g0": 10, "g1": 11, "ranged": RANGED}
SPANS = {6: (0, 1), 7: (1, 4)}
INSTANTS = range(6)


class Database:
    def __init__(self):
        self.next_xid, self.latest_completed = 3, 2
        self.active, self.prepared, self.committed = set(), set(), set()
        self.wrote, self.hard = {}, set()
        self.pairs = []  # (xid, xid, tags): together they change what neither changes alone
        self.now = 0
        self.moments = []  # the snapshots there were: one, and when it ended, for each transaction that has

    def snapshot(self):
        s = Snapshot(self.active, self.latest_completed + 1)
        s.moment, s.at = len(self.moments), self.now  # how many transactions had ended
        return s

    def begin(self):
        xid, self.next_xid = self.next_xid, self.next_xid + 1
        self.active.add(xid)
        return xid

    def end(self, xid, commit):
        self.moments.append((self.snapshot(), self.now))
        self.active.discard(xid)
        self.prepared.discard(xid)
        self.latest_completed = max(self.latest_completed, xid)
        if commit:
            self.committed.add(xid)

    def value(self, tags, s):
        """The truth: the committed writers that s sees; none to rely on before a hard change."""
        if any(x in self.committed and s.in_progress(x) for x in self.hard):
            return UNKNOWN
        seen = lambda x: x in self.committed and not s.in_progress(x)
        return frozenset(x for t in tags for x in self.wrote.get(t, ()) if seen(x)) | frozenset(
            x * 1000 + y for x, y, changed in self.pairs if changed & set(tags) and seen(x) and seen(y))


class Wrong(Exception):
    pass


class Writer:
    def __init__(self, xid, tags, hard, nameless):
        self.xid, self.tags, self.hard, self.wrote = xid, list(tags), hard, tags
        self.span = None  # of what it wrote of the ranged tag
        self.nameless = nameless  # it cannot tell which tags it wrote
        self.looked = None  # the snapshot that tells who has ended, taken before the first registration
        self.borrowed = []  # others that it registers on the whole cache
        self.puts = []      # values that it has computed itself, for after its commit


class History:
    def __init__(self, seed, broken, trace, sizes=None):
        """sizes: of shared rings and of the whole cache's, for a script, which then drives this history."""
        self.broken, self.r, self.db = broken, random.Random(seed), Database()
        tiny = [(2, 0), (2, 0), (3, 2), (8, 4)]
        shared, whole = sizes or (self.r.choice(tiny), self.r.choice(tiny))
        def make_ring(size):
            ring = TracedRing(trace, *size, broken) if trace else Ring(*size, broken)
            ring.clock = lambda: self.db.now
            return ring
        # One place is kept for what stands for the forgotten (src/core/spans.hpp).
        make_part = lambda ranged=False: make_ring((min(shared[0], 7), shared[1]) if ranged else shared)
        make_spans = lambda ring: (TracedSpans if trace else Spans)(ring, broken)
        slot_count = 3 if sizes else self.r.choice([1, 2, 3])
        stale_for = 0 if sizes else self.r.choice([0, 0, 10, 40, 200])
        self.make_cache = lambda: Cache(make_part, lambda: make_ring(whole), make_spans, slot_count, broken, stale_for)
        self.cache = self.make_cache()
        self.running, self.committing, self.ready, self.late = [], [], [], []
        self.fills, self.pinned, self.old = [], [], []
        self.complete = False  # a new control block has missed nobody, as its maker will find out
        self.survivors = None  # after a crash, until first use: who was prepared then
        self.reads = self.right = self.served = self.stale = 0
        self.readers, self.relation_share = set(), 0
        self.next_then = 0  # of the relation, for one that is broken on purpose
        if sizes:
            self.keys, self.old_share = list(KEYS), 0
            return
        # Every history has its own emphasis: the more they differ, the more they find.
        self.hard_share = self.r.choice([0, 0, .03, .2, .8])
        self.whole_share = self.r.choice([0, .05, .5])
        self.mover_share = self.r.choice([0, 0, .3])
        self.nameless_share = self.r.choice([0, 0, .1])
        self.relation_share = self.r.choice([0, 0, .2, .6])
        self.prepared_share = self.r.choice([.02, .1, .3])
        self.old_share = self.r.choice([.1, .4, .7])
        self.keys = self.r.sample(KEYS, self.r.choice([1, 2, 3, 8]))
        tags = sorted({t for k in self.keys for ts in self.tags_of(k) for t in ts})
        self.tags = self.r.sample(tags, self.r.randint(1, len(tags)))
        if self.relation_share:  # their loaders read a relation that nobody has declared
            self.readers = set(self.r.sample(self.keys, self.r.randint(1, len(self.keys))))
        focus = self.r.random()
        if focus < .2:     # the ring of the whole cache
            self.keys, self.tags, self.whole_share = [0], [], 1
        elif focus < .3 and self.relation_share:  # a relation of which nobody knows at first
            self.keys, self.tags, self.readers, self.relation_share = [0], [], {0}, .8
        elif focus < .4:   # a group whose ring comes and goes, and a tag that may share its slot
            self.keys, self.tags, self.whole_share = [2, 3], [TAGS["g0"], TAGS[self.r.choice(KEYS)]], 0
        elif focus < .55:  # instants
            self.keys, self.tags, self.whole_share, self.hard_share = [6, 7], [RANGED], 0, 0
        if self.r.random() < .5:
            self.db.begin()  # a long transaction that holds everybody's xmin back

    def some(self, things):
        return things.pop(self.r.randrange(len(things)))

    def tags_of(self, k):
        """Its own, those of its groups, those of nested entries."""
        return [TAGS[k]], [TAGS[g] for g in GROUPS.get(k, ())], [TAGS[n] for n in NESTED.get(k, ())]

    def spans_of(self, k):
        return {RANGED: SPANS[k]} if k in SPANS else {}

    def read_by(self, k):
        """What its loader reads: of the ranged tag only some instants."""
        tags = [t for t in sum(self.tags_of(k), []) if t != RANGED]
        return tags + [(RANGED, i) for i in range(SPANS[k][0], SPANS[k][1] + 1)] if k in SPANS else tags

    def run(self, steps):
        weights = {self.begin: 12, self.register: 20, self.end: 13, self.end_prepared: 2,
                   self.keep_snapshot: 6, self.fill: 8, self.pin: 8, self.publish: 8, self.fill_at_once: 16,
                   self.remove: 2, self.collect: 6, self.crash: .2, self.control_block: .4, self.trust: 2,
                   self.read: 10}
        for _ in range(8):  # bursts and quiet times
            emphasised = [w * self.r.choice([.1, 1, 1, 3]) for w in weights.values()]
            for operation in self.r.choices(list(weights), emphasised, k=steps // 8):
                self.db.now += 1
                operation()
        return self.reads, self.right, self.served, self.stale

    # --- writers ---

    def begin(self):
        xid, r = self.db.begin(), self.r
        tags = r.sample(self.tags, min(len(self.tags), r.choice([0, 1, 1, 1, 2, 3, 5])))
        hard = r.random() < self.hard_share
        if hard or r.random() < self.whole_share:
            tags.append(WHOLE)
        if r.random() < self.relation_share:
            tags.append(RELATION)
        writer = Writer(xid, tags, hard, not hard and r.random() < self.nameless_share)
        if RANGED in tags:
            instants = r.sample(INSTANTS, r.choice([1, 1, 1, 2]))
            writer.wrote = [t for t in tags if t != RANGED] + [(RANGED, i) for i in instants]
            small = "hull-too-small" in self.broken
            writer.span = (instants[0],) * 2 if small else (min(instants), max(instants))
        for t in writer.wrote:
            self.db.wrote.setdefault(t, set()).add(xid)
        if hard:
            self.db.hard.add(xid)
        self.running.append(writer)

    def register(self):
        """PRE_COMMIT or PRE_PREPARE, one tag at a time."""
        if self.late and self.r.random() < .5:
            self.register_one(self.late[0])
            if not self.late[0].tags:
                self.late.pop(0)
            return
        if not self.committing or self.running and self.r.random() < .5:
            if not self.running:
                return
            w = self.some(self.running)
            w.looked = self.db.snapshot()
            if self.r.random() < .2:
                w.puts = [(k, self.truth(k, w.looked)) for k in self.keys]
            if w.tags and not w.hard and self.r.random() < self.mover_share:
                # It moves what others, whom it cannot see, may have changed at the old place.
                others = sorted(w.looked.active - {w.xid})
                w.borrowed = self.r.sample(others, min(len(others), self.r.randint(1, 3)))
                self.db.pairs += [(x, w.xid, set(w.wrote) - {RELATION}) for x in w.borrowed]
            if w.nameless:
                self.first_use()
                self.cache.distrust(self.db.next_xid)
                w.tags = []
            if "register-at-commit" in self.broken:
                self.ready.append(w)
            else:
                self.committing.append(w)
        else:
            w = self.r.choice(self.committing)
            if w.tags or w.borrowed:
                self.register_one(w)
            if not w.tags and not w.borrowed or "register-half" in self.broken:
                self.committing.remove(w)
                if self.r.random() < self.prepared_share:
                    self.db.prepared.add(w.xid)
                else:
                    self.ready.append(w)

    def register_one(self, w):
        self.first_use()
        borrowed = bool(w.borrowed)
        xid = w.borrowed.pop() if borrowed else w.xid
        tag = WHOLE if borrowed else w.tags.pop(self.r.randrange(len(w.tags)))
        if tag == RELATION:  # who reads it?
            if self.cache.announced and "tracked-unregistered" not in self.broken:
                w.tags.append(WHOLE)
            return
        looked = self.db.snapshot() if borrowed else w.looked
        on_record = self.cache.possibly_running(tag)
        ended = {x for x in on_record if not looked.in_progress(x)}
        if "prepared-is-ended" in self.broken:
            ended |= set(on_record) & self.db.prepared
        is_key = 1 <= tag <= len(KEYS)
        self.cache.register(tag, is_key, xid, w.hard, Ended(ended, looked.xmin), borrowed, w.span)

    def end(self):
        if not self.ready:
            return
        w, commit = self.some(self.ready), self.r.random() < .8
        self.db.end(w.xid, commit)
        if w.tags:  # of those that are broken on purpose
            self.late.append(w)
        if commit:
            for k, value in w.puts:
                if k not in self.readers:
                    self.put(w, k, value)

    def put(self, w, k, value):
        self.first_use()
        (own,), parts, nested = self.tags_of(k)
        if value is not UNKNOWN and set(w.wrote) & {WHOLE, *self.read_by(k)}:
            value |= {w.xid}
        e = self.cache.pin(k, own, parts, nested, w.looked, value, w.xid, spans=self.spans_of(k))
        if e:
            self.pinned.append((e, w.looked))

    def end_prepared(self):
        if self.db.prepared:
            self.db.end(self.r.choice(sorted(self.db.prepared)), self.r.random() < .8)

    # --- fills ---

    def snapshot(self):
        if self.old and self.r.random() < self.old_share:
            return self.r.choice(self.old), False
        return self.db.snapshot(), True

    def keep_snapshot(self):
        self.old = (self.old + [self.db.snapshot()])[-5:]

    def truth(self, k, s):
        return self.db.value([WHOLE] + [RELATION] * (k in self.readers) + self.read_by(k), s)

    def fill(self):
        f, k = self.snapshot()[0], self.r.choice(self.keys)
        self.fills.append((k, f, self.truth(k, f)))

    def pin(self):
        if not self.fills:
            return
        self.first_use()
        k, f, value = self.some(self.fills)
        if k in self.readers and not self.track():
            return
        (own,), parts, nested = self.tags_of(k)
        e = self.cache.pin(k, own, parts, nested, f, value, spans=self.spans_of(k))
        if e:
            self.pinned.append((e, f))

    def track(self):
        """One step on the way to a relation that is tracked. True: it is."""
        cache = self.cache
        if not cache.whole or cache.tracked:
            return bool(cache.whole)
        if not cache.announced:
            if "floor-before-announcement" in self.broken and not self.next_then:
                self.next_then = self.db.next_xid
                return False
            cache.announce()
            if "tracked-by-half" in self.broken:
                return True
            if self.r.random() < .5:
                return False
        cache.complete(self.next_then or self.db.next_xid)
        self.next_then = 0
        return True

    def publish(self):
        if self.pinned:
            self.cache.link(*self.some(self.pinned))

    def fill_at_once(self):
        """The three steps with nothing between them."""
        self.fill()
        fills, self.fills = self.fills[:-1], self.fills[-1:]
        pinned, self.pinned = self.pinned, []
        self.pin()
        self.publish()
        self.fills, self.pinned = fills, pinned

    def remove(self):
        self.cache.remove(self.r.choice(self.keys))

    def collect(self):
        self.cache.collect_dead()

    # --- what happens to the server ---

    def crash(self):
        """Memory is empty, prepared transactions live on."""
        db = self.db
        prepared = sorted(db.prepared)
        for xid in db.active - db.prepared:
            db.end(xid, False)
        self.running, self.committing, self.ready, self.late = [], [], [], []
        self.fills, self.pinned, self.old = [], [], []
        self.cache = self.make_cache()
        self.cache.whole, self.survivors, self.complete = None, prepared, False

    def first_use(self):
        """Of the cache in the server's new life, by a reader or a writer: some of those that were prepared
        then may have ended since, and older snapshots do not see that."""
        if self.survivors is None or self.cache.whole:
            return
        self.cache.attach(self.db.next_xid)
        for xid in self.survivors:
            forgotten = "crash-forgets-prepared" in self.broken or \
                "crash-registers-prepared" in self.broken and xid not in self.db.prepared
            if not forgotten:
                hard = xid in self.db.hard and "crash-softens-prepared" not in self.broken
                self.cache.register(WHOLE, False, xid, hard, Ended((), 0), borrowed=True)
        self.survivors, self.complete = None, True

    def trust(self):
        """Whoever has made a control block comes to trust it, when others may have used it already."""
        if self.complete:
            self.cache.trust()
            self.complete = False

    def control_block(self):
        """It goes to another cache, and writers find none; later there is one again, which is not trusted."""
        self.first_use()
        self.complete = False
        if self.cache.whole:
            self.cache.release()
        else:
            self.cache.attach(self.db.next_xid)

    def read(self):
        """Every key, under a fresh snapshot and all old ones."""
        fresh = self.db.snapshot()
        for k in self.keys:
            e = self.cache.entries.get(k)
            if not e:
                self.reads += 1
                continue
            for s in [fresh] + self.old:
                truth = self.truth(k, s)
                right = e.value is not UNKNOWN and e.value == truth
                served, quick = self.cache.judge(e, s), self.cache.quick(e, s)
                if served and not right:
                    show = lambda v: "unknown" if v is UNKNOWN else sorted(v)
                    raise Wrong("key %d served %s truth %s" % (k, show(e.value), show(truth)))
                if quick and not served:
                    raise Wrong("the fast path serves what the rule forbids: key %d" % k)
                if not served and self.cache.fresh_enough(e, s, self.db.now):
                    self.stale += 1
                    if not self.was_right(k, e.value, s):
                        raise Wrong("key %d served %s as an old value" % (k, e.value))
                if s is fresh:
                    self.reads, self.right, self.served = self.reads + 1, self.right + right, self.served + served

    def was_right(self, k, value, s):
        """Is it the truth for S, or was it, not longer ago than stale_for, for an older snapshot? What was
        before a hard change never was."""
        if value is UNKNOWN:
            return False
        if self.truth(k, s) == value:
            return True
        for then, ended in reversed(self.db.moments[:s.moment]):
            if ended <= self.db.now - self.cache.stale_for:
                return False
            if self.truth(k, then) == value:
                return True
        return False


def run(histories, first_seed, steps, broken, trace_file):
    """Totals, or what went wrong and where."""
    total = [0, 0, 0, 0]
    for script, *sizes in SCRIPTS:
        trace = Trace(trace_file, 0) if trace_file else None
        try:
            script(Script(History(0, broken, trace, sizes)))
        except Wrong as wrong:
            return None, "%s: %s" % (script.__name__, wrong)
    for seed in range(first_seed, first_seed + histories):
        trace = Trace(trace_file, seed) if trace_file else None
        try:
            out = History(seed, broken, trace).run(steps)
        except Wrong as wrong:
            return None, "seed %d: %s" % (seed, wrong)
        total = [a + b for a, b in zip(total, out)]
    return total, None


def report(histories, totals):
    reads, right, served, stale = totals
    return ("%d histories, %d fresh reads, a right value at hand in %d, served in %d (%.0f %%); %d old values; "
            "none wrong" % (histories, reads, right, served, 100 * served / max(right, 1), stale),
            served >= ENOUGH * right)


if __name__ == "__main__":
    sys.exit(command(__doc__, BREAKS, run, report))
