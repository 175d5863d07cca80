// Looking at many entries: one partition after the other.
#pragma once

#include <cstdint>

#include "core/block.hpp"
#include "core/judge.hpp"

namespace cache_ext::core {

// One live entry as cache_entries shows it; its key is in the listing's buffer.
struct EntryInfo {
    CacheIndex cache;
    Tag hash;
    std::uint32_t key_bytes;
    std::uint32_t gross_bytes;
    std::uint32_t hits;
    std::uint32_t load_us;
    Millis calculated_at;
    Millis expires_at;
    LookupResult result;  // what a read under the given snapshot would find
};

// Room for a copy of some entries, and of their keys, one behind the other.
struct Listing {
    EntryInfo* entries = nullptr;
    std::uint32_t capacity = 0;
    std::uint8_t* keys = nullptr;
    std::uint32_t keys_capacity = 0;  // bytes
    std::uint32_t keys_needed = 0;    // result: bytes that all keys take
};

// Copies the entries of one partition; returns how many there are. Entries beyond the capacity, or
// whose key does not fit, are only counted. No lock.
std::uint32_t list_entries(const Block& block, std::uint32_t partition, const Snapshot& s,
                           Listing* listing);

// A live entry that could be refreshed; `key` points into the block.
struct Candidate {
    CacheIndex cache;
    Tag hash;
    const std::uint8_t* key;
    std::uint32_t key_bytes;
    std::uint32_t hits;     // since it was filled
    std::uint32_t load_us;  // what its loader took
    Millis refresh_at;
    Millis expires_at;
};

// Runs under a partition lock: it must not block, allocate or fail.
struct CandidateVisitor {
    void (*visit)(const Candidate& candidate, void* context);
    void* context;
};

// Where candidates are looked for: their refresh point will have passed by `until`.
struct CandidateSearch {
    std::uint32_t partition;
    std::uint32_t database;
    Millis until;
};

// Shows the entries that s may be served, and whose refresh nobody has claimed. No lock.
void visit_candidates(const Block& block, const CandidateSearch& search, const Snapshot& s,
                      const CandidateVisitor& visitor);

}  // namespace cache_ext::core
