// One ring, the transactions that write its tags, and entries that are filled and read.
#pragma once

#include <vector>

#include "core/writers.hpp"
#include "support/transactions.hpp"

namespace cache_ext::core::test {

// What a fill leaves behind, for one tag.
struct Filled {
    bool published = false;
    Tag tag = 0;
    Seq seq = 0;
    Unseen unseen;
};

class RingWorld {
  public:
    explicit RingWorld(std::uint8_t capacity = kRingCapacity, std::uint8_t can_lose = kMaxLost) {
        ring.init(capacity, can_lose);
    }

    Transactions transactions;
    WriterRing ring;
    std::vector<WriterRecord> dropped;  // by the last registration

    HeldSnapshot snapshot() const { return transactions.snapshot(); }

    // Registers a transaction, which runs unless it is borrowed.
    void add(Xid xid, Tag tag = kTag, bool hard = false, bool borrowed = false) {
        Xid on_record[kRingCapacity + kMaxLost + kMaxHard];
        const std::uint32_t n = ring.possibly_running(on_record);
        add_knowing(xid, Knowledge(transactions, on_record, n), tag, hard, borrowed);
    }
    void add_knowing(Xid xid, const Ended& knowledge, Tag tag = kTag, bool hard = false,
                     bool borrowed = false) {
        WriterRecord out[kRingCapacity];
        WriterRecord record = {xid, tag, ++seq_};
        record.hard = hard ? 1 : 0;
        record.borrowed = borrowed ? 1 : 0;
        const std::uint32_t n = ring.add(record, knowledge, out);
        dropped.assign(out, out + n);
    }
    // A transaction that writes, registers and runs on.
    Xid write(Tag tag = kTag, bool hard = false) {
        const Xid xid = transactions.begin();
        add(xid, tag, hard);
        return xid;
    }
    // One that also ends.
    Xid write_and_end(Tag tag = kTag) {
        const Xid xid = write(tag);
        transactions.end(xid);
        return xid;
    }

    Filled fill(const Snapshot& f, Tag tag = kTag, Xid own = 0) const {
        Filled filled;
        filled.tag = tag;
        filled.seq = ring.last_seq;
        filled.published = ring.unseen_by(tag, f, &filled.unseen, own);
        return filled;
    }
    bool serves(const Filled& filled, const Snapshot& s) const {
        return filled.published && ring.agrees(filled.tag, filled.seq, filled.unseen, s);
    }
    bool serves_quickly(const Filled& filled, const Snapshot& s) const {
        return filled.published && filled.unseen.count == 0 && ring.quick(filled.seq, s.xmin);
    }

    static constexpr Tag kTag = 100;
    static constexpr Tag kOther = 200;

  private:
    Seq seq_ = 0;
};

}  // namespace cache_ext::core::test
