// Types of key columns: their values as bytes, which are exact, and as hashes, which follow the
// type's own equality.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/inet.h"
#include "utils/uuid.h"
}

namespace cache_ext::pg {

// Is this a type whose values are bytes, and whose equality is known here?
bool key_type_supported(Oid type);
// What to use instead of one that is not.
const char* key_type_hint(Oid type);
// Does a value of this base type have the tag of the key of `key_type` that it is equal to?
bool equal_as_keys(Oid type, Oid key_type);

// --- for keys.cpp ---

inline constexpr uint64 kNullHash = 0x9e3779b97f4a7c15;
// As the server stores it: without the padding of the struct.
inline constexpr int kTimeTzBytes = 12;

// How one type's values become bytes: how many, 0: any number, after their length. -1: no such
// type. Types that are not built in are enums, whose values are OIDs: no others pass
// key_type_supported().
inline int fixed_bytes(Oid type) {
    switch (type) {
        case BOOLOID:
            return 1;
        case INT2OID:
            return 2;
        case INT4OID:
        case DATEOID:
        case OIDOID:
        case FLOAT4OID:
            return 4;
        case MACADDROID:
            return sizeof(macaddr);
        case INT8OID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
        case TIMEOID:
        case MONEYOID:
        case FLOAT8OID:
            return 8;
        case TIMETZOID:
            return kTimeTzBytes;
        case UUIDOID:
            return UUID_LEN;
        case INTERVALOID:
            return sizeof(Interval);
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID:
        case BYTEAOID:
        case JSONBOID:
        case NAMEOID:
        case NUMERICOID:
        case INETOID:
        case CIDROID:
        case INT2ARRAYOID:
        case INT4ARRAYOID:
        case INT8ARRAYOID:
        case BOOLARRAYOID:
        case DATEARRAYOID:
        case TIMESTAMPARRAYOID:
        case TIMESTAMPTZARRAYOID:
        case UUIDARRAYOID:
        case TEXTARRAYOID:
        case VARCHARARRAYOID:
        case NUMERICARRAYOID:
        case INT4RANGEOID:
        case INT8RANGEOID:
        case NUMRANGEOID:
        case DATERANGEOID:
        case TSRANGEOID:
        case TSTZRANGEOID:
            return 0;
        default:
            return type >= FirstNormalObjectId ? sizeof(Oid) : -1;
    }
}

// Is a value of fixed size where its Datum points to?
inline bool by_reference(Oid type) {
    switch (type) {
        case UUIDOID:
        case MACADDROID:
        case TIMETZOID:
        case INTERVALOID:
            return true;
        default:
            return false;
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

Bytes bytes_of(Oid type, Datum value, uint64* scratch);
// Of a value that is not NULL, which has these bytes.
uint64 hash_of(Oid type, Datum value, Bytes bytes);

}  // namespace cache_ext::pg
