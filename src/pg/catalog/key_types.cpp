#include "pg/catalog/key_types.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
}

namespace cache_ext::pg {
namespace {

// Types that call values equal whose bytes differ, with the hash that they go by themselves: 1.0
// and 1.00, a month and thirty days, 0 and -0. (NULLs and bounds of arrays and ranges are their
// affair, too.) The others' equality is that of their bytes.
struct OwnHash {
    Oid type;
    Oid function;
    FmgrInfo info;  // fn_oid InvalidOid: not looked up yet
};

OwnHash own_hashes[] = {
    {JSONBOID, F_JSONB_HASH_EXTENDED, {}},
    {FLOAT4OID, F_HASHFLOAT4EXTENDED, {}},
    {FLOAT8OID, F_HASHFLOAT8EXTENDED, {}},
    {INTERVALOID, F_INTERVAL_HASH_EXTENDED, {}},
    {INETOID, F_HASHINETEXTENDED, {}},
    {CIDROID, F_HASHINETEXTENDED, {}},
    {INT2ARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {INT4ARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {INT8ARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {BOOLARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {DATEARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {TIMESTAMPARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {TIMESTAMPTZARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {UUIDARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {TEXTARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {VARCHARARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {NUMERICARRAYOID, F_HASH_ARRAY_EXTENDED, {}},
    {INT4RANGEOID, F_HASH_RANGE_EXTENDED, {}},
    {INT8RANGEOID, F_HASH_RANGE_EXTENDED, {}},
    {NUMRANGEOID, F_HASH_RANGE_EXTENDED, {}},
    {DATERANGEOID, F_HASH_RANGE_EXTENDED, {}},
    {TSRANGEOID, F_HASH_RANGE_EXTENDED, {}},
    {TSTZRANGEOID, F_HASH_RANGE_EXTENDED, {}},
};

OwnHash* own_hash(Oid type) {
    switch (type) {
        case TEXTOID:
        case VARCHAROID:
        case BYTEAOID:
        case NAMEOID:
        case INT4OID:
        case INT8OID:
        case UUIDOID:
            return nullptr;  // not to search for what most keys are
        default:
            break;
    }
    auto* end = own_hashes + lengthof(own_hashes);
    auto* found = std::find_if(own_hashes, end, [=](const OwnHash& h) { return h.type == type; });
    return found == end ? nullptr : found;
}

uint64 call_own_hash(OwnHash* own, Datum value) {
    if (own->info.fn_oid == InvalidOid) {
        fmgr_info_cxt(own->function, &own->info, TopMemoryContext);
    }
    // Collations of keys are deterministic: what they call equal has the same bytes, as in C.
    return DatumGetUInt64(FunctionCall2Coll(&own->info, C_COLLATION_OID, value, UInt64GetDatum(0)));
}

// What is equal in arrays: their elements, which the type's own hash is made of, and their bounds.
uint64 with_bounds(uint64 hash, Datum value) {
    ArrayType* array = DatumGetArrayTypeP(value);
    const int size = ARR_NDIM(array) * static_cast<int>(sizeof(int));
    const auto bytes = [](const int* bounds) { return reinterpret_cast<const uint8*>(bounds); };
    hash = hash_combine64(hash, hash_bytes_extended(bytes(ARR_DIMS(array)), size, 0));
    return hash_combine64(hash, hash_bytes_extended(bytes(ARR_LBOUND(array)), size, 0));
}

// Without the zeros at its end. (Its own hash leaves out the sign as well.)
uint64 hash_numeric_key(Datum value) {
    const char* text = numeric_normalize(DatumGetNumeric(value));
    return hash_bytes_extended(reinterpret_cast<const uint8*>(text), static_cast<int>(strlen(text)),
                               0);
}

}  // namespace

Bytes bytes_of(Oid type, Datum value, uint64* scratch) {
    const int size = fixed_bytes(type);
    if (by_reference(type)) {
        return {reinterpret_cast<const uint8*>(DatumGetPointer(value)), static_cast<uint32>(size)};
    }
    switch (type) {
        case NAMEOID:
            return {reinterpret_cast<const uint8*>(NameStr(*DatumGetName(value))),
                    static_cast<uint32>(strlen(NameStr(*DatumGetName(value))))};
        default: {
            if (size == 0) {
                struct varlena* v = PG_DETOAST_DATUM_PACKED(value);
                return {reinterpret_cast<const uint8*>(VARDATA_ANY(v)),
                        static_cast<uint32>(VARSIZE_ANY_EXHDR(v))};
            }
            *scratch = static_cast<uint64>(value);
#ifdef WORDS_BIGENDIAN
            *scratch <<= 8 * (8 - size);
#endif
            return {reinterpret_cast<const uint8*>(scratch), static_cast<uint32>(size)};
        }
    }
}

uint64 hash_of(Oid type, Datum value, Bytes bytes) {
    if (type == NUMERICOID) return hash_numeric_key(value);
    if (OwnHash* own = own_hash(type)) {
        const uint64 hash = call_own_hash(own, value);
        return own->function == F_HASH_ARRAY_EXTENDED ? with_bounds(hash, value) : hash;
    }
    // Blanks at the end do not count.
    while (type == BPCHAROID && bytes.size > 0 && bytes.data[bytes.size - 1] == ' ') --bytes.size;
    if (bytes.size <= sizeof(uint64)) {
        uint64 word = 0;
        memcpy(&word, bytes.data, bytes.size);
        return finish(word + bytes.size);
    }
    return hash_bytes_extended(bytes.data, static_cast<int>(bytes.size), 0);
}

bool key_type_supported(Oid type) {
    if (type >= FirstNormalObjectId) return get_typtype(type) == TYPTYPE_ENUM;
    return fixed_bytes(type) >= 0;
}

const char* key_type_hint(Oid type) {
    const Oid base = getBaseType(type);
    if (base != type && key_type_supported(base)) {
        return psprintf("Give the argument the domain's base type, %s.", format_type_be(base));
    }
    switch (type) {
        case JSONOID:
            return "Use jsonb, which has an equality.";
        case BITOID:
        case VARBITOID:
            return "Use bytea, text, or a number.";
        default:
            break;
    }
    const char* name = get_typtype(type) == '\0' ? "" : format_type_be(type);
    const char* dot = strrchr(name, '.');
    if (strcmp(dot != nullptr ? dot + 1 : name, "citext") == 0) {
        return "Use text, call the accessor with lower(...), and let key be {(lower(column))}.";
    }
    return "Use a type that has an equality of its own: numbers, text, dates and times, uuid, "
           "boolean, enums, bytea, jsonb, network addresses, arrays and ranges of the usual ones.";
}

// Integers of other widths are the same number as a Datum, and so have the same bytes, once they
// are those of the key: a column's value that does not fit names a key that nobody asks for, or
// another one, too.
bool equal_as_keys(Oid type, Oid key_type) {
    const auto integer = [](Oid t) { return t == INT2OID || t == INT4OID || t == INT8OID; };
    const auto string = [](Oid t) { return t == TEXTOID || t == VARCHAROID; };
    return type == key_type || (integer(type) && integer(key_type)) ||
           (string(type) && string(key_type));
}

}  // namespace cache_ext::pg
