"""Entries and the rings of their tags, as src/core has them in slots, nodes, tags and publish.

The tag of a full key has its writers in a ring shared with other tags (a slot). A tag that groups several
keys, or the key of a nested entry, gets a ring of its own (a node) while entries carry it. The whole cache
has a ring of its own, the only one with hard writers; it can go away and come back (a control block).

A ranged tag has a node that knows which instants each writer has changed (spans.py); entries say which ones
they depend on.
"""
from ring import MAX_HARD, NEVER, Ended

WHOLE = 0
RELATION = 9  # no tag of an entry: what some loaders read without anybody having declared it
RANGED = 12   # a tag whose rows have an instant, and whose entries depend on some instants only


class Node:
    def __init__(self, ring, is_key, spans=None):
        self.ring, self.is_key, self.spans, self.refs = ring, is_key, spans, 0


class Entry:
    def __init__(self, key, tag, value):
        self.key, self.tag, self.value = key, tag, value
        self.key_seq = self.cache_seq = 0
        self.nodes = {}            # tag -> last_seq of its node
        self.spans = {}            # ranged tag -> the instants that matter, from lo to hi
        self.unseen = frozenset()  # of all tags together
        self.whole = None          # the ring it was published with
        # What a value needs to be served when it is old: F, and the time of that. None: it never is.
        self.f = None
        self.at = 0
        self.old = False           # only as an old value, or to F itself, by what the rings have forgotten
        self.old_since = NEVER     # by that; what is on record may say earlier


class Cache:
    def __init__(self, make_ring, make_whole, make_spans, slot_count, broken, stale_for=0):
        """stale_for: how long old values may be served; 0: they are not kept."""
        self.make_ring, self.make_whole, self.make_spans, self.broken = make_ring, make_whole, make_spans, broken
        self.stale_for = stale_for
        self.slots = [make_ring() for _ in range(slot_count)]
        self.seqs = [0] * slot_count + [0]  # the last one: the whole cache
        self.nodes, self.entries, self.dead = {}, {}, []
        self.whole = make_whole()  # None: there is no control block
        # Hard writers below this may be unknown, so an old value's F has to see all; and what trust leaves of it.
        self.known_from = self.known_for_good = 0
        self.forget_tracked()

    def slot(self, tag):
        return self.slots[tag % len(self.slots)]

    def next_seq(self, tag):
        i = len(self.slots) if tag == WHOLE else tag % len(self.slots)
        self.seqs[i] += 1
        return self.seqs[i]

    # --- writers ---

    def possibly_running(self, tag):
        if tag == WHOLE:
            return self.whole.possibly_running() if self.whole else []
        node = self.nodes.get(tag)
        return self.slot(tag).possibly_running() + (node.ring.possibly_running() if node else [])

    def register(self, tag, is_key, xid, hard, ended, borrowed=False, span=None):
        seq = self.next_seq(tag)
        if tag == WHOLE:
            # Whoever is blind to it has it among its unseen writers already.
            known = self.whole and borrowed and (not hard or xid in self.whole.hard) and \
                any(r.xid == xid and r.tag == tag for r in self.whole.records)
            if self.whole and not known:
                before = set(self.whole.hard)
                self.whole.add(tag, xid, seq, hard, ended, borrowed)
                if len(before) == MAX_HARD and set(self.whole.hard) == {xid}:
                    self.hard_unknown_below(self.whole.largest + 1)
            return
        node = self.nodes.get(tag)
        if node:
            dropped = node.ring.add(tag, xid, seq, False, ended, borrowed)
            if node.spans:
                node.spans.add(seq, span, dropped)
        if not node or is_key and "key-writers-in-node-only" not in self.broken:
            self.drop_contradicted(self.slot(tag).add(tag, xid, seq, False, ended, borrowed))

    def drop_contradicted(self, dropped):
        """In a shared ring nothing else speaks against an entry once the record that did is dropped."""
        for r in dropped:
            for e in list(self.entries.values()):
                if e.tag == r.tag and "keep-contradicted" not in self.broken:
                    if not r.contradicts(e.key_seq, e.unseen):
                        continue
                    if self.stale_for and e.f:
                        e.old = "old-not-marked" not in self.broken
                        if "stale-mark-untimed" not in self.broken:
                            e.old_since = min(e.old_since, r.at)
                    else:
                        self.remove(e.key)

    # --- entries: pin() under the locks of the tags, then link() under the lock of the key ---

    def pin(self, key, tag, parts, nested, f, value, own=0, old=False, spans={}):
        """None: the fill may not be published. own: see Ring.unseen_by(). old: it is not judged, and will only
        be served as an old value, or to F itself. spans: of the ranged tags."""
        if not self.whole or old and not self.knows_hard(f):
            return None
        e = Entry(key, tag, value)
        e.own, e.whole, e.cache_seq = own, self.whole, self.whole.last_seq
        e.parts, e.nested, e.at, e.spans = parts, nested, f.at, spans
        if self.stale_for and not own:
            e.f = f
        unseen = frozenset([0])  # nobody, so that the fast path has nothing to say
        if old:
            e.old, e.old_since = True, f.at
        else:
            unseen = self.whole.unseen_by(WHOLE, f, own=own)
        judge = (lambda ring, t, known: known) if old else (lambda ring, t, known: ring.unseen_by(t, f, known, own))
        judge_span = (lambda node, t, known: known) if old else (
            lambda node, t, known: node.spans.unseen_by(t, f, known, own, spans[t]))
        if unseen is not None:
            unseen = judge(self.slot(tag), tag, unseen)
        e.key_seq = self.slot(tag).last_seq
        for t in parts + nested:
            if unseen is None:
                break
            node = self.nodes.get(t)
            if not node:
                ring = self.make_ring(t in spans)
                node = self.nodes[t] = Node(ring, t in nested, self.make_spans(ring) if t in spans else None)
                if "node-without-absorb" not in self.broken:
                    node.ring.absorb(self.slot(t), t)
            node.refs += 1
            e.nodes[t] = node.ring.last_seq
            unseen = judge_span(node, t, unseen) if t in spans else judge(node.ring, t, unseen)
        if unseen is None:
            self.unpin(e)
            if self.stale_for and not old and not own:
                return self.pin(key, tag, parts, nested, f, value, own, True, spans)
            return None
        e.unseen = unseen
        return e

    def link(self, e, f):
        slot = self.slot(e.tag)
        known = self.entries.get(e.key)
        if e.old and known and known.f and known.f.not_older(f) or e.old and e.whole is not self.whole:
            self.unpin(e)
            return False
        if e.old or "unseen-not-rechecked" in self.broken:
            again = e.unseen
            e.key_seq = slot.last_seq
        elif "key-not-rechecked" in self.broken:
            again = e.unseen  # and the sequence number of then, though its record may be gone
        else:
            again = slot.unseen_by(e.tag, f, e.unseen, e.own)
            e.key_seq = slot.last_seq
        if again is None or len(again) > len(e.unseen) or e.whole is not self.whole:
            self.unpin(e)
            again = self.stale_for and not e.own and self.pin(
                e.key, e.tag, e.parts, e.nested, f, e.value, 0, True, e.spans)
            return bool(again) and self.link(again, f)
        if "late-sequence" in self.broken:
            e.cache_seq = self.whole.last_seq
            e.nodes = {t: self.nodes[t].ring.last_seq for t in e.nodes}
        if "unseen-ignored" in self.broken:
            e.unseen = frozenset()
        if "old-as-others" in self.broken:
            e.old, e.old_since = False, NEVER
        if "unseen-of-key-only" in self.broken and not e.old:
            e.unseen = slot.unseen_by(e.tag, f, own=e.own)
        self.remove(e.key)
        self.entries[e.key] = e
        return True

    def remove(self, key):
        if key in self.entries:
            self.dead.append(self.entries.pop(key))  # freed by the next one who passes by

    def collect_dead(self):
        while self.dead:
            self.unpin(self.dead.pop())

    def unpin(self, e):
        for t in e.nodes:
            node = self.nodes[t]
            node.refs -= 1
            if node.refs == 0:
                del self.nodes[t]
                if not node.is_key and "no-fold-back" not in self.broken:
                    self.drop_contradicted(self.slot(t).absorb(node.ring, t))

    def judge(self, e, s):
        if e.old:
            return bool(e.f) and s.same(e.f, self.broken) and self.whole.last_hard <= e.cache_seq
        return self.slot(e.tag).agrees(e.tag, e.key_seq, e.unseen, s) and \
            self.whole.agrees(WHOLE, e.cache_seq, e.unseen, s) and \
            all(self.node_agrees(e, t, seq, s) for t, seq in e.nodes.items())

    def node_agrees(self, e, t, seq, s):
        node = self.nodes[t]
        if t in e.spans:
            return node.spans.agrees(t, seq, e.unseen, s, e.spans[t])
        return node.ring.agrees(t, seq, e.unseen, s)

    def quick(self, e, s):
        return (not e.unseen or "quick-despite-unseen" in self.broken) and \
            self.slot(e.tag).quick(e.key_seq, s) and self.whole.quick(e.cache_seq, s) and \
            all(self.nodes[t].ring.quick(seq, s) for t, seq in e.nodes.items())

    # --- old values (core/judge.cpp) ---

    def knows_hard(self, f):
        """Does F see every hard writer of the cache so far, known or not?"""
        return not ("old-before-hard" not in self.broken and any(f.in_progress(x) for x in self.whole.hard)) and (
            f.xmin >= self.known_from or "old-below-unknown" in self.broken)

    def hard_unknown_below(self, xid, for_good=True):
        self.known_from = max(self.known_from, xid)
        if for_good:
            self.known_for_good = max(self.known_for_good, xid)

    def rings(self, e):
        """With the time that counts if records that speak against the entry are gone; dropped ones of a shared
        ring have left a mark."""
        yield self.slot(e.tag), e.tag, e.key_seq, NEVER
        yield self.whole, WHOLE, e.cache_seq, e.at
        for t, seq in e.nodes.items():
            node = self.nodes[t]
            yield node.spans.against(t, seq, e.unseen, e.spans[t]) if t in e.spans else node.ring, t, seq, e.at

    def fresh_enough(self, e, s, now):
        """May it be served to S as an old value?"""
        if not self.stale_for or not e.f or not s.not_older(e.f, self.broken):
            return False
        since = e.old_since
        for ring, tag, seq, if_dropped in self.rings(e):
            t = ring.older_since(tag, seq, e.unseen, if_dropped, s)
            if t is None:
                return False
            since = min(since, t)
        return now - self.stale_for < since

    # --- a relation that nobody has declared (src/core/tracked.cpp) ---

    def forget_tracked(self):
        self.announced = self.tracked = False

    def announce(self):
        self.announced = True

    def complete(self, next_xid):
        """Whoever looked before the announcement lies below the XID that comes next now."""
        if "tracked-without-floor" not in self.broken:
            self.whole.unknown_below(next_xid)
            self.hard_unknown_below(next_xid)
        self.tracked = True

    # --- the control block ---

    def release(self):
        for key in list(self.entries):
            self.remove(key)
        self.whole = None
        self.forget_tracked()

    def attach(self, next_xid):
        """A new one has missed who knows whom, until somebody says otherwise."""
        self.whole = self.make_whole()
        self.known_for_good, self.known_from = 0, next_xid
        if "missed-writers-trusted" not in self.broken:
            self.whole.distrust(next_xid)

    def trust(self):
        """A new control block has missed nobody."""
        if self.whole.distrusted or "trust-after-overflow" in self.broken:
            self.known_from = self.known_for_good
        self.whole.trust()

    def distrust(self, next_xid):
        """Some transaction below next_xid changes entries that nobody can name. It has not committed yet."""
        if not self.whole:
            return
        if "distrust-keeps-entries" not in self.broken:
            self.whole.add(WHOLE, next_xid - 1, self.next_seq(WHOLE), False, Ended((), 0), borrowed=True)
        self.whole.last_hard = self.whole.last_seq
        self.hard_unknown_below(next_xid)
        self.whole.distrust(next_xid, for_good="trust-after-distrust" not in self.broken)
