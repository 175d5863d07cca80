// The ring of a tag that entries carry, in little memory.
//
// Most rings have nothing on record, or one writer, and the witness for those that ended before it.
// So a node holds up to two records itself, and only what is more lies in a WriterRing of its own:
// the rule is that of writers.hpp, this is merely where its state is kept. Nearly always two are
// enough, as what the rule may forget is forgotten for it.
#pragma once

#include "core/arena.hpp"
#include "core/slabs.hpp"
#include "core/writers.hpp"

namespace cache_ext::core {

// A ring of its own: a piece of the pool `rings`.
struct FullRing {
    WriterRing ring;
    std::uint16_t place;  // the piece's
};

// A tag with its writers, as long as entries carry it: a piece of the pool `nodes`. Lock: the
// partition of `tag`; only head.quick() may be called without it.
struct TagNode {
    Tag tag;
    RingHead head;
    Ref next;            // chain of the partition's node bucket
    std::uint32_t refs;  // entries that carry it
    Ref full;            // FullRing, or kNullRef: what follows is all
    std::uint16_t place;
    bool is_key;  // it is some entry's full key: its writers are in the shared slot as well

    // The ring in few words, undefined while there is a full one: its newest record, and the one
    // before or the witness.
    std::uint8_t marks;
    struct {
        std::uint32_t newer_xid;  // both XIDs: so much below the largest
        std::uint32_t older_xid;  // low half of the largest itself, if overflowed
        std::int32_t older_seq;   // less last_seq; high half of the largest, if overflowed
        std::uint32_t older_at;   // ms before newer_at
        std::int64_t newer_at;    // Millis; seq of the witness, if there is no record
    } ring;

    // Keeps the state of a ring here, if that is possible, and makes it the node's. Exact, but that
    // a writer known to have ended may have to be asked for again. False, and nothing done: there
    // is more to say.
    bool pack(const WriterRing& from);
    // The same of a ring that has been settled.
    bool pack_settled(const WriterRing& from);
    // Where there is no memory for more: packs what WriterRing::keep_newest() leaves.
    void pack_overflowed(WriterRing from);
    // The ring that was packed.
    void unpack(WriterRing* to) const;
    // Makes the state of the full ring known to those who do not look at it.
    void publish(const WriterRing& from) {
        store_release(head.guard, from.guard);  // in the order of WriterRing::append()
        store_release(head.last_seq, from.last_seq);
    }

  private:
    enum Mark : std::uint8_t {
        kNewer = 1,  // a record, registered as last_seq
        kNewerBorrowed = 2,
        kNewerWitness = 4,  // it is the witness
        kOlder = 8,         // a record
        kOlderBorrowed = 16,
        kOlderEnded = 32,    // the newer one has found it ended, if not one before that
        kOlderWitness = 64,  // it is the witness, perhaps no more than that
        kOverflowed = 128    // horizon is 1 above the largest
    };
};
static_assert(std::is_trivially_copyable_v<TagNode>);
static_assert(sizeof(TagNode) == 64);

}  // namespace cache_ext::core
