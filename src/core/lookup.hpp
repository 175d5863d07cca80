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
