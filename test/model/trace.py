"""Writes what rings were asked and what they answered, for src/core/writers.cpp to be held against.

One operation a line, space-separated; lists are comma-separated, an empty one is "-":

  H seed                                                a new history: all rings and snapshots are new
  R ring capacity can_lose                              a new ring
  S snapshot xmin xmax running
  A ring tag xid seq hard borrowed oldest_running ended = dropped (xid:seq)
  P ring = possibly running
  B ring from tag = dropped                             absorb
  D ring next_xid for_good                              distrust
  T ring                                                trust
  K ring next_xid                                       unknown_below
  U ring snapshot = verdict                             usable
  G ring tag seq unseen snapshot = verdict              agrees
  F ring tag unseen own snapshot = verdict unseen       unseen_by
  Q ring seq snapshot = verdict                         quick
  N ring tag = xid                                      newest
  X ring seq lo hi                                      the record's span, after A
  J ring tag seq unseen snapshot lo hi = verdict        agrees, for what matters to these instants
  M ring tag unseen own snapshot lo hi = verdict unseen the same of unseen_by
"""
from ring import Ring
from spans import Spans


def listed(items):
    return ",".join(map(str, items)) or "-"


def dropped_list(records):
    return listed("%d:%d" % (r.xid, r.seq) for r in records)


class Trace:
    def __init__(self, file, seed):
        self.file = file
        self.numbered = 0  # rings, or accounts
        self.snapshots = {}
        self.write("H", seed)

    def next_number(self):
        self.numbered += 1
        return self.numbered - 1

    def write(self, *fields):
        print(*fields, file=self.file)

    def number_of(self, s):
        if s not in self.snapshots:
            self.snapshots[s] = len(self.snapshots)
            self.write("S", self.snapshots[s], s.xmin, s.xmax, listed(sorted(s.active)))
        return self.snapshots[s]


class TracedRing(Ring):
    def __init__(self, trace, *args):
        super().__init__(*args)
        self.trace, self.number = trace, trace.next_number()
        trace.write("R", self.number, self.capacity, self.can_lose)

    def add(self, tag, xid, seq, hard, ended, borrowed=False):
        dropped = super().add(tag, xid, seq, hard, ended, borrowed)
        self.trace.write("A", self.number, tag, xid, seq, int(hard), int(borrowed), ended.oldest_running,
                         listed(sorted(ended.xids)), "=", dropped_list(dropped))
        self.trace.write("N", self.number, tag, "=", self.newest(tag))
        return dropped

    def possibly_running(self):
        xids = super().possibly_running()
        self.trace.write("P", self.number, "=", listed(xids))
        return xids

    def absorb(self, other, tag):
        dropped = super().absorb(other, tag)
        self.trace.write("B", self.number, other.number, tag, "=", dropped_list(dropped))
        return dropped

    def distrust(self, next_xid, for_good=False):
        super().distrust(next_xid, for_good)
        self.trace.write("D", self.number, next_xid, int(for_good))

    def unknown_below(self, next_xid):
        super().unknown_below(next_xid)
        self.trace.write("K", self.number, next_xid)

    def trust(self):
        super().trust()
        self.trace.write("T", self.number)

    def agrees(self, tag, seq, unseen, s):
        verdict, n = super().agrees(tag, seq, unseen, s), self.trace.number_of(s)
        if not verdict:
            self.trace.write("U", self.number, n, "=", int(super().usable(s)))
        self.trace.write("G", self.number, tag, seq, listed(sorted(unseen)), n, "=", int(verdict))
        return verdict

    def unseen_by(self, tag, f, unseen=frozenset(), own=0):
        out, n = super().unseen_by(tag, f, unseen, own), self.trace.number_of(f)
        self.trace.write("F", self.number, tag, listed(sorted(unseen)), own, n, "=",
                         int(out is not None), listed(sorted(out or ())))
        return out

    def quick(self, seq, s):
        verdict = super().quick(seq, s)
        self.trace.write("Q", self.number, seq, self.trace.number_of(s), "=", int(verdict))
        return verdict


class TracedSpans(Spans):
    def __init__(self, ring, broken):
        super().__init__(ring, broken)
        self.trace = ring.trace

    def add(self, seq, span, dropped):
        super().add(seq, span, dropped)
        self.trace.write("X", self.ring.number, seq, *span)

    def agrees(self, tag, seq, unseen, s, own):
        verdict = super().agrees(tag, seq, unseen, s, own)
        self.trace.write("J", self.ring.number, tag, seq, listed(sorted(unseen)), self.trace.number_of(s), *own,
                         "=", int(verdict))
        return verdict

    def unseen_by(self, tag, f, unseen, own_xid, own):
        out = super().unseen_by(tag, f, unseen, own_xid, own)
        self.trace.write("M", self.ring.number, tag, listed(sorted(unseen)), own_xid, self.trace.number_of(f), *own,
                         "=", int(out is not None), listed(sorted(out or ())))
        return out
