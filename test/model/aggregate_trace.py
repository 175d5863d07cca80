"""Writes what accounts were asked and what they answered, for src/core/account.cpp to be held against.

One operation a line, space-separated; lists are comma-separated, an empty one is "-":

  H seed                                                    a new history: all accounts and snapshots are new
  S snapshot xmin xmax running
  O account capacity floor witness records tag snapshot = done       open, from a ring:
                                                            records are xid:tag:seq:ended_before:borrowed
  V account capacity from snapshot = done                   derive
  W account xid seq amounts outcomes oldest_running borrowed = room    register; outcomes are xid:committed
  B account amounts                                         set_base
  N account xid committed                                   note
  G account snapshot = verdict                              agrees
  X account snapshot = amounts questions firsts             value; and which are known to be the first ones: "?" if none
  L account = xid:kind:outcome... witness floor             what is listed

Amounts are two sums and then groups, of which as many as they have are kept in order (account.py, GROUPS); "none":
the least of no values.
"""
from account import COMMITTED, NONE, SUMS, Account, firsts
from trace import listed


def told(amounts):
    flat = amounts and amounts[:SUMS] + tuple(a for group in amounts[SUMS:] for a in group)
    return listed("none" if a == NONE else a for a in flat)


class TracedAccount(Account):
    def __init__(self, trace, *args):
        super().__init__(*args)
        self.trace, self.number = trace, trace.next_number()

    def list(self):
        self.trace.write("L", self.number, "=",
                         listed("%d:%s:%s" % (r.xid, r.kind, r.outcome) for r in self.records),
                         self.witness, self.floor)

    def open(self, ring, tag, f):
        n = self.trace.number_of(f)
        records = listed("%d:%d:%d:%d:%d" % (r.xid, r.tag, r.seq, r.ended_before, r.borrowed) for r in ring.records)
        floor = (ring.horizon or ring.largest + 1) if ring.overflowed else ring.horizon
        done = super().open(ring, tag, f)
        self.trace.write("O", self.number, self.capacity, floor, 0 if ring.overflowed else ring.witness, records,
                         tag, n, "=", int(done))
        if done:
            self.list()
        return done

    def derive(self, old, f):
        n = self.trace.number_of(f)
        done = super().derive(old, f)
        self.trace.write("V", self.number, self.capacity, old.number, n, "=", int(done))
        if done:
            self.list()
        return done

    def register(self, xid, seq, amounts, outcomes, oldest_running, borrowed=False):
        done = super().register(xid, seq, amounts, outcomes, oldest_running, borrowed)
        self.trace.write("W", self.number, xid, seq, told(amounts or ()),
                         listed("%d:%d" % (x, o == COMMITTED) for x, o in sorted(outcomes.items())),
                         oldest_running, int(borrowed), "=", int(done))
        self.list()
        return done

    def set_base(self, value):
        super().set_base(value)
        self.trace.write("B", self.number, told(value))

    def agrees(self, s):
        verdict = super().agrees(s)
        self.trace.write("G", self.number, self.trace.number_of(s), "=", int(verdict))
        return verdict

    def value(self, s):
        total, questions = super().value(s)
        known = firsts(total, self.broken)
        self.trace.write("X", self.number, self.trace.number_of(s), "=", told(total),
                         listed(q.xid for q in questions), "?" if known is None else listed(known))
        return total, questions

    def note(self, xid, outcome):
        super().note(xid, outcome)
        self.trace.write("N", self.number, xid, int(outcome == COMMITTED))
