"""Which instants the writers of a ring have changed, as src/core/spans.hpp has it.

A *ranged* tag stands for rows that matter only to some of its entries: a row has an instant, an entry depends
on those of a *span*, from lo to hi. A writer's span is the hull of what it has changed. One whose span does not
meet that of an entry says nothing about it: the rest of the rule is as it was (ring.py).

What has to be right is what is forgotten. In a ring of its own a witness speaks against the entries that have
missed who was dropped before it; but the witness may be of other instants than the entry. So the spans of
dropped records stay, as a few *forgotten* ones, each with the newest seq of those that it covers. Whoever is
served sees all that was dropped; whoever fills, too. So an entry that is older than a forgotten span, or is
blind to some writer, is out of date where it meets one.
"""
from copy import copy

from ring import NEVER, Record, Ring

MOST_FORGOTTEN = 2
EVERYTHING = (-1 << 63, (1 << 63) - 1)


def meet(a, b):
    return a[0] <= b[1] and b[0] <= a[1]


def hull(a, b):
    return min(a[0], b[0]), max(a[1], b[1])


class Spans:
    def __init__(self, ring, broken):
        self.ring, self.broken = ring, broken
        self.of_record = {}  # seq -> span; records that are not here came from a shared ring: everything
        self.forgotten = []  # (span, newest seq)

    def add(self, seq, span, dropped):
        """After Ring.add: what that has dropped, and what its new record covers."""
        for r in dropped:
            self.forget(self.of_record.pop(r.seq, EVERYTHING), r.seq)
        self.of_record[seq] = span

    def span_of(self, r):
        return self.of_record.get(r.seq, (0, 0) if "absorbed-span" in self.broken else EVERYTHING)

    def forget(self, span, seq):
        if "span-not-folded" in self.broken:
            return
        self.forgotten.append((span, seq))
        if len(self.forgotten) <= MOST_FORGOTTEN:
            return
        # Two become one: those whose hull is the smallest, so that little is forgotten beyond.
        pairs = [(i, j) for j in range(len(self.forgotten)) for i in range(j)]
        width = lambda p: hull(self.forgotten[p[0]][0], self.forgotten[p[1]][0])
        i, j = min(pairs, key=lambda p: width(p)[1] - width(p)[0])
        (a, of_a), (b, of_b) = self.forgotten[i], self.forgotten[j]
        both = (hull(a, b) if "fold-without-hull" not in self.broken else b,
                max(of_a, of_b) if "fold-keeps-oldest" not in self.broken else min(of_a, of_b))
        self.forgotten[i] = both
        del self.forgotten[j]

    def concerning(self, own):
        """The ring, without the records that say nothing about these instants."""
        ring = copy(self.ring)
        ring.records = [r for r in self.ring.records if meet(self.span_of(r), own)]
        return ring

    def against(self, tag, seq, unseen, own):
        """The same for an entry, with a record that everybody sees if something forgotten contradicts it."""
        ring = self.concerning(own)
        blind = unseen and "blind-to-forgotten" not in self.broken
        if any(meet(span, own) and (newest > seq or blind) for span, newest in self.forgotten):
            ring.records = ring.records + [Record(0, tag, seq + 1, at=NEVER)]
        return ring

    def agrees(self, tag, seq, unseen, s, own):
        return Ring.agrees(self.against(tag, seq, unseen, own), tag, seq, unseen, s)

    def unseen_by(self, tag, f, unseen, own_xid, own):
        return Ring.unseen_by(self.concerning(own), tag, f, unseen, own_xid)
