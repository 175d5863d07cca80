// A ring that is kept in a node says what it said before, or refuses more.
#include "core/tag_node.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "support/ring_world.hpp"

namespace cache_ext::core::test {
namespace {

constexpr Tag kTag = RingWorld::kTag;

class Node {
  public:
    Node() { node_.tag = kTag; }
    bool pack(const WriterRing& ring) { return node_.pack(ring); }
    bool pack_settled(const WriterRing& ring) { return node_.pack_settled(ring); }
    void pack_overflowed(const WriterRing& ring) { node_.pack_overflowed(ring); }
    WriterRing ring() const {
        WriterRing ring;
        node_.unpack(&ring);
        return ring;
    }
    const RingHead& head() const { return node_.head; }

  private:
    TagNode node_ = {};
};

// Everything a reader or a fill can ask.
struct Answers {
    bool usable, fills, quick;
    std::uint32_t unseen;
    std::vector<bool> agrees;
    std::vector<Millis> since;
    Xid newest;

    bool operator==(const Answers&) const = default;
};

Answers ask(const WriterRing& ring, const Snapshot& s, const std::vector<Filled>& entries) {
    Answers a = {};
    Unseen unseen;
    a.usable = ring.usable(s);
    a.fills = ring.unseen_by(kTag, s, &unseen);
    a.unseen = a.fills ? unseen.count : 0;
    a.quick = ring.quick(ring.last_seq, s.xmin);
    for (const Filled& e : entries) {
        a.agrees.push_back(ring.agrees(kTag, e.seq, e.unseen, s));
        Millis since = 1000;
        const bool older = ring.older_since(kTag, e.seq, e.unseen, 10, s, &since);
        a.since.push_back(older ? since : -1);
    }
    a.newest = ring.newest(kTag);
    return a;
}

TEST(TagNode, ANewOneIsAnEmptyRing) {
    Node node;
    WriterRing empty;
    empty.init();
    const HeldSnapshot s(3, 3, {});
    EXPECT_EQ(ask(node.ring(), s, {}), ask(empty, s, {}));
    EXPECT_TRUE(node.pack(empty));
    EXPECT_EQ(ask(node.ring(), s, {}), ask(empty, s, {}));
}

TEST(TagNode, HoldsOneWriterAndTheOneBefore) {
    RingWorld w;
    Node node;
    w.write_and_end();
    EXPECT_TRUE(node.pack(w.ring));
    w.write();
    EXPECT_TRUE(node.pack(w.ring));
    EXPECT_EQ(node.head().last_seq, w.ring.last_seq);
    EXPECT_EQ(node.head().guard, w.ring.guard);
    w.write();
    EXPECT_FALSE(node.pack(w.ring)) << "three";
    EXPECT_EQ(node.ring().record_count, 2) << "nothing was done";
    EXPECT_FALSE(node.pack_settled(w.ring)) << "two of them run";
}

// Those who were registered by others are no witnesses.
TEST(TagNode, RemembersWhoWasBorrowed) {
    for (const bool older : {false, true}) {
        for (const bool newer : {false, true}) {
            RingWorld w;
            Node node;
            w.add(w.transactions.begin(), kTag, false, older);
            w.add(w.transactions.begin(), kTag, false, newer);
            ASSERT_TRUE(node.pack(w.ring));
            const WriterRing ring = node.ring();
            EXPECT_EQ(ring.records[0].borrowed, older ? 1U : 0U);
            EXPECT_EQ(ring.records[1].borrowed, newer ? 1U : 0U);
        }
    }
}

TEST(TagNode, ManyWritersOneAfterTheOtherFitOnceSettled) {
    RingWorld w;
    Node node;
    for (int i = 0; i < 100; ++i) {
        w.write_and_end();
        ASSERT_TRUE(node.pack_settled(w.ring)) << i;
        w.ring = node.ring();
    }
}

TEST(TagNode, AHardWriterOrALostOneDoesNotFit) {
    RingWorld hard;
    hard.write(kTag, true);
    EXPECT_FALSE(Node().pack_settled(hard.ring));
    RingWorld lost(1);
    lost.write();
    lost.write();
    ASSERT_GT(lost.ring.lost_count, 0);
    EXPECT_FALSE(Node().pack_settled(lost.ring));
}

TEST(TagNode, WithoutMemoryOnlySnapshotsThatSeeAllAreServed) {
    RingWorld w;
    const Filled before = w.fill(w.snapshot());
    std::vector<Xid> running;
    for (int i = 0; i < 5; ++i) running.push_back(w.write());
    const HeldSnapshot blind = w.snapshot();
    Node node;
    node.pack_overflowed(w.ring);
    w.ring = node.ring();
    for (std::size_t i = 0; i + 1 < running.size(); ++i) w.transactions.end(running[i]);
    EXPECT_FALSE(w.ring.usable(blind));
    EXPECT_FALSE(w.ring.usable(w.snapshot())) << "the last one runs";
    w.transactions.end(running.back());
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
    EXPECT_FALSE(w.serves(before, w.snapshot()));
    const Filled fresh = w.fill(w.snapshot());
    EXPECT_TRUE(w.serves(fresh, w.snapshot()));
    // The next writer finds all ended, and stands for them.
    const HeldSnapshot old = w.snapshot();
    const Xid next = w.write();
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_FALSE(w.ring.usable(old));
    w.transactions.end(next);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(TagNode, WhatIsTooFarApartDoesNotFit) {
    constexpr Xid kFar = Xid{1} << 40;
    WriterRecord dropped[kRingCapacity];
    WriterRing far_xid, far_seq, back_in_time;
    far_xid.init();
    far_xid.add(kTag, kFar, 1, false, {}, dropped);
    far_xid.add(kTag, 5, 2, false, {}, dropped);
    EXPECT_FALSE(Node().pack_settled(far_xid));
    far_seq.init();
    far_seq.add(kTag, 5, 1, false, {}, dropped);
    far_seq.add(kTag, 6, Seq{1} << 33, false, {}, dropped);
    EXPECT_FALSE(Node().pack_settled(far_seq));
    back_in_time.init();
    back_in_time.add(kTag, 5, 1, false, {}, dropped, false, 100);
    back_in_time.add(kTag, 6, 2, false, {}, dropped, false, 99);
    EXPECT_FALSE(Node().pack_settled(back_in_time));
    // The last resort takes everything.
    for (const WriterRing& ring : {far_xid, far_seq, back_in_time}) {
        Node node;
        node.pack_overflowed(ring);
        EXPECT_EQ(node.ring().last_seq, ring.last_seq);
        EXPECT_EQ(node.ring().record_count, 1);
        EXPECT_EQ(node.ring().records[0].seq, ring.last_seq);
        const HeldSnapshot all(kFar + 1, kFar + 1, {}), old(kFar, kFar, {});
        EXPECT_TRUE(node.ring().usable(all));
        EXPECT_FALSE(node.ring().agrees(kTag, 1, {}, all)) << "older than the last writer";
        EXPECT_TRUE(node.ring().agrees(kTag, ring.last_seq, {}, all));
        EXPECT_EQ(node.ring().usable(old), ring.largest < kFar);
    }
}

// Writers come and go; a node keeps the ring in one of four ways. Entries and snapshots grow old.
// Sometimes the last entry goes: then another tag's ring takes over what the node knew.
class History {
  public:
    enum Way { kFull, kExact, kSettled, kOverflowed };

    History(std::uint64_t seed, Way way) : random_(seed), way_(way) { slot_.init(); }

    std::uint64_t reads = 0, served = 0, packed = 0;

    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) step();
    }

  private:
    void step() {
        const std::uint64_t dice = random_() % 100;
        if (dice < 12 && running_.size() < most_) {
            write();
        } else if (dice < 24 && !running_.empty()) {
            const std::size_t i = random_() % running_.size();
            world_.transactions.end(running_[i]);
            running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
            if (random_() % 50 == 0) most_ = 1 + random_() % 5;
        } else if (dice < 30) {
            snapshots_[random_() % 6] = world_.snapshot();
        } else if (dice < 32) {
            std::swap(world_.ring, slot_);
            world_.write_and_end(RingWorld::kOther);
            std::swap(world_.ring, slot_);
        } else if (dice < 33 && random_() % 4 == 0) {
            rebirth();
        } else {
            read();
        }
    }

    void write() {
        const Xid xid = world_.transactions.begin();
        running_.push_back(xid);
        world_.add(xid, kTag, false, random_() % 16 == 0);
        writers_.push_back(xid);
        keep();
    }

    void rebirth() {
        WriterRecord dropped[2 * kRingCapacity];
        world_.ring.remove_known(slot_);
        slot_.absorb(world_.ring, kTag, dropped);
        world_.ring.init();
        world_.ring.absorb(slot_, kTag, dropped);
        const Seq next = std::max(slot_.last_seq, world_.ring.last_seq) + 1;
        world_.ring.note_ended(snapshots_[random_() % 6], next);
        entries_.assign(kEntries, Filled{});
        keep();
    }

    void keep() {
        if (way_ == kFull) return;
        const WriterRing& ring = world_.ring;
        bool fits = node_.pack(ring);
        if (fits) {
            for (const HeldSnapshot& s : snapshots_) {
                ASSERT_EQ(ask(node_.ring(), s, entries_), ask(ring, s, entries_));
            }
        } else if (way_ >= kSettled) {
            fits = node_.pack_settled(ring);
        }
        if (!fits && way_ == kOverflowed && random_() % 4 == 0) {
            node_.pack_overflowed(ring);
            fits = true;
        }
        if (!fits) return;
        ++packed;
        world_.ring = node_.ring();
        ASSERT_EQ(world_.ring.last_seq, node_.head().last_seq);
        ASSERT_EQ(world_.ring.guard, node_.head().guard);
    }

    void read() {
        const HeldSnapshot& s = snapshots_[random_() % 6];
        const std::size_t i = random_() % kEntries;
        ++reads;
        if (entries_[i].published) {
            bool right = true;
            for (const Xid x : writers_) right &= fills_[i].in_progress(x) == s.in_progress(x);
            const bool serves = world_.serves(entries_[i], s);
            ASSERT_TRUE(right || !serves) << "seq " << entries_[i].seq;
            ASSERT_TRUE(serves || !world_.serves_quickly(entries_[i], s));
            if (serves) {
                ++served;
                return;
            }
        }
        const Filled filled = world_.fill(s);
        if (!filled.published) return;
        entries_[i] = filled;
        fills_[i] = s;
    }

    static constexpr std::size_t kEntries = 8;
    std::mt19937_64 random_;
    Way way_;
    RingWorld world_;
    WriterRing slot_;
    Node node_;
    std::size_t most_ = 3;
    std::vector<Xid> running_, writers_;
    std::vector<HeldSnapshot> snapshots_ = std::vector<HeldSnapshot>(6, world_.snapshot());
    std::vector<Filled> entries_ = std::vector<Filled>(kEntries);
    std::vector<HeldSnapshot> fills_ = std::vector<HeldSnapshot>(kEntries);
};

TEST(TagNode, RandomHistoriesServeNoWrongValueHoweverTheRingIsKept) {
    std::uint64_t served[4] = {}, packed[4] = {}, reads = 0;
    for (const History::Way way :
         {History::kFull, History::kExact, History::kSettled, History::kOverflowed}) {
        reads = 0;
        for (std::uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) {
            SCOPED_TRACE(testing::Message() << "way " << way << ", seed " << seed);
            History h(seed, way);
            h.run(1000);
            served[way] += h.served;
            packed[way] += h.packed;
            reads += h.reads;
        }
    }
    std::printf("of %lu reads served: full %lu, as it fits %lu, settled %lu, overflowed %lu\n",
                reads, served[0], served[1], served[2], served[3]);
    EXPECT_GT(packed[History::kExact], 1000U);
    EXPECT_GT(packed[History::kSettled], packed[History::kExact]);
    EXPECT_GT(served[History::kExact] * 100, served[History::kFull] * 99);
    EXPECT_GT(served[History::kSettled] * 100, served[History::kFull] * 80);
    EXPECT_GT(served[History::kOverflowed], 0U);
}

}  // namespace
}  // namespace cache_ext::core::test
