// Writers of a key, in the accounts of its entries: that of the value that is there, and that of a
// load that runs.
#pragma once

#include <cstdint>

#include "core/account.hpp"
#include "core/index.hpp"

namespace cache_ext::core {

// What a writer adds to the value of one key, net of what it has rolled back.
struct KeyDelta {
    CacheIndex cache;
    KeyView key;
    const Amount* amounts;
    std::uint32_t count;  // as Fill::amounts
    Groups groups = {};
};

// XIDs that undecided_writers() may list for one key.
inline constexpr std::uint32_t kMaxUndecided = 2 * kMaxDeltas;

// A writer of a tag registers. Entries of other keys with the same tag, and all if `delta` is
// nullptr (or not of that cache and the same amounts), get a line without one. An entry that has no
// line left goes, and the cache's next accounts get more. Partition lock of the tag, exclusive.
void add_to_accounts(const Block& block, const WriterRecord& record, const KeyDelta* delta,
                     const Ended& ended);
// The writers of the key's accounts of which nobody knows how they ended; each once. Partition
// lock.
std::uint32_t undecided_writers(const Block& block, const KeyDelta& delta, Xid* out);
// How writers have ended that a reader has been given (SeenDeltas). No lock.
void note_outcomes(const Block& block, CacheIndex cache, const KeyView& key, const Xid* xids,
                   const Outcome* outcomes, std::uint32_t count);

// An account had no line left: the cache's next ones get more. Several may find this at once; then
// one of them is enough.
void want_more_lines(CacheControl& c, std::uint32_t had);
// Lines of the cache's next accounts.
inline std::uint32_t account_lines(const CacheControl& c) {
    const std::uint8_t lines = load_relaxed(c.account_lines);
    return lines != 0 ? lines : kFirstDeltas;
}

}  // namespace cache_ext::core
