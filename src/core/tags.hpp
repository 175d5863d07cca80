// Who has written a tag.
//
// The tag of a full key has its writers in a ring shared with other keys (slots.hpp). A tag that
// groups several keys gets a node with a ring of its own while entries carry it (nodes.hpp), and
// uses the slot otherwise. The whole-cache tag has its ring in the control block.
//
// All functions take the partition lock of the tag; the caller holds none.
#pragma once

#include <cstdint>

#include "core/account_writers.hpp"

namespace cache_ext::core {

enum class TagKind : std::uint8_t { kKey, kPart, kWhole };

// What a writer changed.
struct WrittenTag {
    Tag tag;
    TagKind kind;
    bool hard;              // kWhole only
    CacheIndex cache;       // kWhole: the control block
    bool borrowed = false;  // registered on behalf of another transaction
    // kKey: what the writer adds to the key's value, if that is known. A transaction that registers
    // a key twice makes it unknown.
    const KeyDelta* delta = nullptr;
    Span span = {};  // of a ranged tag: which instants; a kPart
};

// XIDs that possibly_running() may list for one tag.
inline constexpr std::uint32_t kMaxRunning =
    2 * (kRingCapacity + kMaxLost + kMaxHard) + kMaxUndecided;

// Records xid as a writer. Must have returned before xid's commit can become visible. `ended` is
// what the caller found out about the XIDs that possibly_running() listed; with a delta, also how
// those have ended (Ended::outcomes). True: this also keeps
// entries from being served that do not depend on the tag, but share its ring.
bool register_writer(const Block& block, const WrittenTag& written, Xid xid, const Ended& ended);
// XIDs on record for the tag that are not known to have ended, with a delta also those of the key's
// accounts; room for kMaxRunning.
std::uint32_t possibly_running(const Block& block, const WrittenTag& written, Xid* out);
// Do two snapshots agree on every writer of a tag, leaving out `self`? The rule for a value that is
// not in the cache (yet).
bool agree(const Block& block, const WrittenTag& written, Xid self, const Snapshot& f,
           const Snapshot& s);

// Writers of a tag; count of them.
struct WriterSet {
    std::uint32_t count = 0;
    Xid xid[kRingCapacity];
};
// For announcements that carry no entries: may f rule out that a writer of this tag is unknown to
// it? *unseen: those that it does not see, but for `self`.
bool all_seen(const Block& block, Tag tag, Xid self, const Snapshot& f, WriterSet* unseen);

// Does f see every hard writer that the cache has had so far, remembered or not? What is computed
// under it may then be published as an old value (Fill::keep) even if nobody can judge it. The lock
// of the whole-cache tag, shared.
bool sees_hard(const CacheControl& cache, const Snapshot& f);
// That cache's hard writers below next_xid are not known. The same lock, exclusive.
void hard_unknown_below(CacheControl* cache, Xid next_xid);

// Could a value computed under f be published for this whole cache (as an old one)? Cheap checks
// before loading.
bool usable_as_old(const Block& block, CacheIndex cache, const Snapshot& f);
bool usable(const Block& block, CacheIndex cache, const Snapshot& f);
// Copies the hard writers on record (room for kMaxHard). False: there are others that it has
// forgotten the names of.
bool hard_writers(const Block& block, CacheIndex cache, Xid* out, std::uint32_t* count);
// Those that it does not name any more lie below this; 0: it names them all.
Xid lost_hard_below(const Block& block, CacheIndex cache);

// All writers are registered in a new control block: it may serve (registry.hpp, attach()).
void trust(const Block& block, CacheIndex cache);
// For good: some transaction below next_xid has changed the cache in a way nobody can name.
// Contradicts the entries that are there.
void distrust(const Block& block, CacheIndex cache, Xid next_xid);

}  // namespace cache_ext::core
