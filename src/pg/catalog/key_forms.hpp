// How values of key types become bytes, which are exact, and hashes, which follow the type's own
// equality.
//
// No list says which types these are. A type whose btree indexes deduplicate (equalimage) promises
// that what is equal has the same bytes. A type that hash indexes can have has a hash of its own,
// which is the same for what its = calls equal: that is what an operator class is, and only
// superusers make these. Domains are what they are made of; arrays, ranges and multiranges go by
// what is in them.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/uuid.h"
}

namespace cache_ext::pg {

inline constexpr uint64 kNullHash = 0x9e3779b97f4a7c15;

// What is equal has the same hash of ...
enum class Equality : uint8 {
    kUnknown,  // nothing that is known: no type of keys
    kBytes,    // its bytes
    kBlanks,   // its bytes, but for blanks at the end: bpchar
    kNumeric,  // its digits, but for zeros at the end
    kOwn  // whatever its own function takes: jsonb, interval, inet, citext, arrays, ranges, ...
};

struct KeyForm {
    Oid type;
    Oid base;           // of a domain what it is made of, otherwise `type`
    int16 size;         // of its bytes; 0: any number, after their length; -1: no type of keys
    bool by_reference;  // of those of fixed size: it is where the Datum points to
    Equality equality;

    bool is_name() const { return base == NAMEOID; }
};

// Never an error for a type that there is, or was; needs a transaction.
KeyForm form_of(Oid type);

// A domain's that its base type does not have: columns of the domain have it, and what is cast to
// the domain has not, so it would be either with the same key.
bool differs_in_collation(Oid domain);

// KeyForm::size, of most keys without looking up anything.
inline int fixed_bytes(Oid type) {
    switch (type) {
        case BOOLOID:
            return 1;
        case INT2OID:
            return 2;
        case INT4OID:
        case DATEOID:
        case OIDOID:
            return 4;
        case INT8OID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
        case TIMEOID:
        case MONEYOID:
            return 8;
        case UUIDOID:
            return UUID_LEN;
        case TEXTOID:
        case VARCHAROID:
        case NUMERICOID:
        case JSONBOID:
            return 0;
        default:
            return form_of(type).size;
    }
}

// Spreads the bits: partitions and buckets take the low ones. The last step of MurmurHash3
// (Appleby, in the public domain).
inline uint64 finish(uint64 h) {
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccd;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53;
    return h ^ (h >> 33);
}

// A value's bytes, in place or in `scratch`.
struct Bytes {
    const uint8* data;
    uint32 size;
};

Bytes bytes_of(const KeyForm& form, Datum value, uint64* scratch);
// Of a value that is not NULL, which has these bytes.
uint64 hash_of(const KeyForm& form, Datum value, Bytes bytes);

}  // namespace cache_ext::pg
