// Rows that have an instant, and keys that say between which instants they matter.
//
// Instants are numbers in the order of their type: a row lies within a span exactly if the server's
// own comparison says so, whatever anybody's settings are. So a row's column and an argument must
// be of one family: integers; timestamptz; or date and timestamp, which no time zone moves. Where
// types reach farther than these numbers do, and where an argument is NULL, spans become wider.
#pragma once

#include "core/spans.hpp"
#include "pg/catalog/keys.hpp"

namespace cache_ext::pg {

// The key columns between which a row's instant lies, numbered from 1 on. As it is made: any
// instant.
struct Bounds {
    uint8 since;  // 0: from the beginning of time
    uint8 until;  // 0: to its end
    bool since_excluded;
    bool until_included;

    bool any() const { return since != 0 || until != 0; }
    // Is key column i, from 0 on, one of them?
    bool name(int i) const { return i + 1 == since || i + 1 == until; }
    bool operator==(const Bounds&) const = default;
    // As numbers are told apart.
    uint64 number() const {
        return uint64{since} | uint64{until} << 8 | uint64{since_excluded} << 16 |
               uint64{until_included} << 17;
    }
};

// "[)", "[]", "()" or "(]": which ends belong to it. False: it is none of these.
bool read_ends(const char* text, Bounds* bounds);
const char* ends_text(const Bounds& bounds);

// The arguments of cache_invalidate_on that say the same, behind others; "" if there are none. The
// accessor's arguments are called as the loader's.
const char* bounds_arguments(const Bounds& bounds, const char* instant, Oid accessor);

// Can a row's column of that type lie between arguments of that one? Both without domains.
bool gives_instants(Oid column_type, Oid key_type);
core::Instant instant_of(Oid type, Datum value);
// What lies between the arguments, or more.
core::Span span_between(const Bounds& bounds, const Oid* types, const Datum* values,
                        const bool* nulls);

}  // namespace cache_ext::pg
