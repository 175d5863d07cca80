"""Short histories that random ones come upon too seldom, each written down once it was understood."""
from cache import RANGED, RELATION, WHOLE
from ring import Ended


class Script:
    """A few transactions over one cache. `world` is a History, for its database and its caches."""
    def __init__(self, world):
        self.world, self.db, self.cache = world, world.db, world.cache

    def begin(self, *tags, hard=False):
        xid = self.db.begin()
        for t in tags:
            self.db.wrote.setdefault(t, set()).add(xid)
        if hard:
            self.db.hard.add(xid)
        return xid

    def register(self, xid, tag, looked=None, hard=False):
        looked = looked or self.db.snapshot()
        ended = {x for x in self.cache.possibly_running(tag) if not looked.in_progress(x)}
        self.cache.register(tag, tag in range(1, 9), xid, hard, Ended(ended, looked.xmin))

    def write_instant(self, instant, tag):
        """A whole transaction that changes a row of this instant."""
        xid = self.begin((tag, instant))
        looked = self.db.snapshot()
        ended = {x for x in self.cache.possibly_running(tag) if not looked.in_progress(x)}
        self.cache.register(tag, False, xid, False, Ended(ended, looked.xmin), span=(instant, instant))
        self.commit(xid)

    def commit(self, *xids):
        for xid in xids:
            self.db.end(xid, True)

    def pin(self, k, f):
        self.world.fills = [(k, f, self.world.truth(k, f))]
        self.world.pin()

    def fill(self, k, f):
        self.pin(k, f)
        self.world.publish()


def forgotten_spans_become_one(s):
    """What is left of the ring is of other instants, and so is the younger one of the two spans."""
    s.fill(6, s.db.snapshot())
    for instant in (1, 2, 5, 5, 5):
        s.write_instant(instant, RANGED)
    s.world.read()


def more_is_dropped_beyond_a_horizon(s):
    """An overflow raises a horizon that is still in force, though none that it drops is running."""
    s.fill(0, s.db.snapshot())
    a, b, c, d, e = (s.begin(WHOLE) for _ in range(5))
    for xid in (a, b, c):
        s.register(xid, WHOLE)
    s.register(d, WHOLE)
    s.commit(c, d)
    looked = s.db.snapshot()  # a runs, so the horizon stays; c and d have ended
    s.register(e, WHOLE, looked)
    s.commit(a, b)
    s.world.read()            # sees all but e


def the_registrant_lies_below_the_horizon(s):
    """Whoever passes the horizon must see the one for whom others were dropped."""
    s.fill(0, s.db.snapshot())
    a, b, c = (s.begin(WHOLE) for _ in range(3))
    for xid in (a, b, c):
        s.register(xid, WHOLE)
    s.commit(a, b)
    s.world.read()


def five_hard_writers(s):
    first, *others = [s.begin(WHOLE, hard=True) for _ in range(5)]
    for xid in [first] + others:
        s.register(xid, WHOLE, hard=True)
    s.commit(*others)
    s.world.keep_snapshot()
    s.fill(0, s.db.snapshot())  # blind to the first
    s.commit(first)
    s.world.read()


def a_group_gets_its_ring_late(s):
    """The shared ring has dropped the group's writer; its witness is another tag's."""
    group, other = 7, 1  # in the same slot; key 2 is in another
    x, y, z = s.begin(group), s.begin(other), s.begin(other)
    f = s.db.snapshot()
    s.register(x, group)
    s.commit(x)
    s.register(y, other)
    s.commit(y)
    s.register(z, other)
    s.fill(2, f)
    s.world.read()


def dropped_between_pinning_and_linking(s):
    f = s.db.snapshot()
    s.pin(0, f)
    x, y, z = s.begin(1), s.begin(4), s.begin(4)
    s.register(x, 1)
    s.commit(x)
    s.register(y, 4)
    s.commit(y)
    s.register(z, 4)
    s.world.publish()
    s.world.read()


def trusted_after_a_nameless_change(s):
    """Whoever made the control block found that it has missed nobody; since then somebody else has come."""
    x, y = s.begin(WHOLE), s.begin()
    s.commit(y)
    s.cache.distrust(s.db.next_xid)
    s.world.complete = True
    s.world.trust()
    s.fill(0, s.db.snapshot())
    s.commit(x)
    s.world.read()


def ended_between_a_crash_and_first_use(s):
    """It was prepared before; a snapshot of the new life does not see it, and nobody asks until it has ended."""
    x = s.begin(WHOLE)
    s.register(x, WHOLE)
    s.db.prepared.add(x)
    s.world.crash()
    s.cache = s.world.cache
    f = s.db.snapshot()
    s.commit(x)
    s.pin(0, f)
    s.world.trust()
    s.fill(0, f)
    s.world.read()


def a_borrowed_one_is_no_witness(s):
    """It had ended before the one that it would vouch for: seeing it does not mean having seen that."""
    x = s.begin()
    s.commit(x)
    w = s.begin(WHOLE)
    f = s.db.snapshot()
    s.register(w, WHOLE)
    s.commit(w)
    looked = s.db.snapshot()
    s.cache.register(WHOLE, False, x, False, Ended({w}, looked.xmin), borrowed=True)
    s.register(s.begin(WHOLE), WHOLE)
    s.fill(0, f)
    s.world.read()


def a_floor_outlives_an_overflow(s):
    """One looked for who reads the relation before anybody did; all others have ended since."""
    s.world.readers = {0}
    x = s.begin(RELATION)
    s.cache.announce()
    s.cache.complete(s.db.next_xid)
    others = [s.begin(WHOLE) for _ in range(3)]
    for y in others:
        s.register(y, WHOLE)
    for y in others:
        s.commit(y)
    z = s.begin(WHOLE)
    s.register(z, WHOLE)
    s.commit(z)
    s.world.old = [s.db.snapshot()]
    s.commit(x)
    s.fill(0, s.db.snapshot())
    s.world.read()


# (script, capacity of shared rings, capacity of the whole cache's)
SCRIPTS = [
    (more_is_dropped_beyond_a_horizon, (2, 0), (2, 0)),
    (the_registrant_lies_below_the_horizon, (2, 0), (2, 0)),
    (five_hard_writers, (8, 4), (8, 4)),
    (a_group_gets_its_ring_late, (2, 0), (8, 4)),
    (dropped_between_pinning_and_linking, (2, 0), (8, 4)),
    (trusted_after_a_nameless_change, (2, 0), (8, 4)),
    (a_borrowed_one_is_no_witness, (2, 0), (2, 0)),
    (a_floor_outlives_an_overflow, (8, 4), (2, 2)),
    (ended_between_a_crash_and_first_use, (2, 0), (8, 4)),
    (forgotten_spans_become_one, (2, 0), (8, 4)),
]

