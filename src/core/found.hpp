// What a lookup is given, and what it finds.
#pragma once

#include <cstdint>

#include "core/account.hpp"
#include "core/judge.hpp"

namespace cache_ext::core {

enum class Detail : std::uint8_t {
    kServe,         // counts as a use: recency, hits, refresh claim
    kServeQuietly,  // the same while the entry is new; then only kServe counts, for kHitSample uses
    kPeek,          // changes nothing
    kInspect        // changes nothing, and fills in hits, gross_bytes and last_writer
};

// Values that the rule does not allow, or not any more.
enum class OldValues : std::uint8_t {
    kNone,
    kSame,          // those that were computed under the reader's own snapshot: kHit
    kStale,         // those, and what the cache allows to be old: kStale
    kStaleUnlisted  // the latter; the reader's transaction has an XID, which its snapshot lacks
};

struct LookupOptions {
    std::uint8_t* buffer = nullptr;  // gets the value, if it may be served
    std::uint32_t buffer_bytes = 0;
    Detail detail = Detail::kServe;
    // Of those that get a kStale one is also told refresh_due, from Origin::refresh_from on.
    OldValues old = OldValues::kNone;
    EntryTags* tags = nullptr;  // gets all tags of a served entry
    // One of hazards_of(), in no use. A value that is too large for the buffer is then not copied,
    // but held: Found::held stays readable until let_go(hazard), whatever happens to the entry.
    // Only if Found::held is set is the hazard in use afterwards. Still kTooSmall are values beyond
    // a 64th of the arena, and all while more than a 16th of it is kept by readers alone; and
    // values that writers adjust.
    Ref* hazard = nullptr;
    SeenDeltas* deltas = nullptr;  // for Found::amounts; without, an entry that needs it is
                                   // kContradicted
};

struct Found {
    LookupResult result = LookupResult::kAbsent;
    bool is_null = false;
    bool packed = false;                 // as Fill::packed
    bool old = false;                    // Entry::is_old(); kInspect
    bool over = false;                   // kExpired because of its Period; kInspect
    const std::uint8_t* held = nullptr;  // the value where it lies, if it was not copied
    bool refresh_due = false;  // past its refresh point, and this call is the one that claimed it
    std::uint32_t value_bytes = 0;
    // Not 0: the value is that many Amounts, and not complete without LookupOptions::deltas: those
    // of them that have committed are to be added.
    std::uint32_t amounts = 0;
    std::uint32_t load_us = 0;
    std::uint32_t hits = 0;
    std::uint32_t gross_bytes = 0;
    Millis calculated_at = 0;
    Millis expires_at = 0;
    Xid last_writer = 0;  // the newest one on record for the tags, in lookups that ask for details
};

}  // namespace cache_ext::core
