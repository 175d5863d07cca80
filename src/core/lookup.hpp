// Reading: find an entry, judge it for the reader's snapshot, copy it or hold it.
#pragma once

#include <cstdint>

#include "core/block.hpp"
#include "core/found.hpp"
#include "core/index.hpp"

namespace cache_ext::core {

// Looks the key up for snapshot s. kServeQuietly and kPeek without tags take no lock unless they
// must (unlocked.hpp); what is in the buffer after anything but a hit is undefined.
Found lookup(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
             const LookupOptions& options);

// The entry of a key as it is now, for whoever decides by it what to publish in its place
// (Fill::instead_of). `ref` and `value` mean this entry until let_go(hazard), whatever becomes of
// it: its memory is no other's meanwhile.
struct NamedEntry {
    LookupResult result = LookupResult::kAbsent;  // for s; kTooSmall and kStale it is not
    Ref ref = kNullRef;                           // kNullRef: there is none, and nothing to let go
    bool is_null = false;
    bool packed = false;
    const std::uint8_t* value = nullptr;
    std::uint32_t value_bytes = 0;
};
// Names it in `hazard`, one of hazards_of() in no use; counts as no use of the entry. Not for
// caches whose values writers adjust. No lock.
NamedEntry name_entry(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
                      Ref* hazard);

// A value that was just loaded.
struct ValueView {
    const std::uint8_t* bytes;
    std::uint32_t size;
    bool is_null;
};
// An entry as the next load finds it, whether it may be served or not.
struct Predecessor {
    bool known = false;
    bool same = false;       // the same value
    bool unwritten = false;  // nobody has registered on its tags since it was published
    Millis ttl = kNever;
};
// What is cached for the key, compared with a value that was just loaded; not known of a value that
// writers adjust.
Predecessor predecessor(const Block& block, CacheIndex cache, const KeyView& key,
                        const ValueView& value);

}  // namespace cache_ext::core
