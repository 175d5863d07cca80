#include "pg/catalog/keys.hpp"

#include "core/layout.hpp"

#include <type_traits>

extern "C" {
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/uuid.h"
}

namespace cache_ext::pg {
namespace {

constexpr uint64 kNullHash = 0x9e3779b97f4a7c15;
// As the server stores it: without the padding of the struct.
constexpr int kTimeTzBytes = 12;

// How one type's values become bytes: how many, 0: any number, after their length. -1: no such
// type. Types that are not built in are enums, whose values are OIDs: no others pass
// key_type_supported().
int fixed_bytes(Oid type) {
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
bool by_reference(Oid type) {
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

// A value's bytes, in place or in `scratch`.
struct Bytes {
    const uint8* data;
    uint32 size;
};

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

// Spreads the bits: partitions and buckets take the low ones. The last step of MurmurHash3
// (Appleby, in the public domain).
uint64 finish(uint64 h) {
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccd;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53;
    return h ^ (h >> 33);
}

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

// Appends a column of fixed size and gives its hash: what bytes_of and hash_of make of it, in one
// go.
template <class T>
uint8* append(uint8* out, Datum value, uint64* hash) {
    static_assert(std::is_unsigned_v<T> && sizeof(T) <= sizeof(uint64));
    const T bytes = static_cast<T>(value);
    *out = 1;
    memcpy(out + 1, &bytes, sizeof(T));
    uint64 word = 0;
    memcpy(&word, &bytes, sizeof(T));
    *hash = finish(word + sizeof(T));
    return out + 1 + sizeof(T);
}

// The way of most keys, whose columns are all of fixed size: they fit the buffer. Its size; -1:
// another column is among them.
ptrdiff_t encode_fixed(int columns, const Oid* types, const Datum* values, const bool* nulls,
                       Key* key) {
    static_assert(sizeof(Key::buffer) >= size_t{kMaxKeyColumns} * (1 + UUID_LEN));
    for (int i = 1; i < columns; ++i) {
        if (fixed_bytes(types[i]) == 0) return -1;
    }
    uint8* out = key->buffer;
    for (int i = 0; i < columns; ++i) {
        uint64* hash = &key->column_hash[i];
        if (nulls[i]) {
            *out++ = 0;
            *hash = kNullHash;
            continue;
        }
        switch (types[i]) {
            case BOOLOID:
                out = append<uint8>(out, values[i], hash);
                break;
            case INT2OID:
                out = append<uint16>(out, values[i], hash);
                break;
            case INT4OID:
            case DATEOID:
            case OIDOID:
                out = append<uint32>(out, values[i], hash);
                break;
            case INT8OID:
            case TIMESTAMPOID:
            case TIMESTAMPTZOID:
            case TIMEOID:
            case MONEYOID:
                out = append<uint64>(out, values[i], hash);
                break;
            case UUIDOID:
                *out = 1;
                memcpy(out + 1, DatumGetUUIDP(values[i])->data, UUID_LEN);
                *hash = hash_bytes_extended(out + 1, UUID_LEN, 0);
                out += 1 + UUID_LEN;
                break;
            default:
                if (types[i] < FirstNormalObjectId) return -1;
                out = append<uint32>(out, values[i], hash);
                break;
        }
    }
    return out - key->buffer;
}

void check_key_size(size_t size) {
    if (size <= core::kMaxKeyBytes) return;
    ereport(ERROR,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
             errmsg("cache key of %zu bytes is longer than %u bytes", size, core::kMaxKeyBytes)));
}

// Any key.
void encode_sized(int columns, const Oid* types, const Datum* values, const bool* nulls, Key* key) {
    Bytes parts[kMaxKeyColumns];
    uint64 scratch[kMaxKeyColumns];
    size_t total = 0;
    for (int i = 0; i < columns; ++i) {
        if (nulls[i]) {
            total += 1;
            key->column_hash[i] = kNullHash;
            continue;
        }
        parts[i] = bytes_of(types[i], values[i], &scratch[i]);
        total += 1 + (fixed_bytes(types[i]) != 0 ? 0 : sizeof(uint32)) + parts[i].size;
        key->column_hash[i] = hash_of(types[i], values[i], parts[i]);
    }
    check_key_size(total);
    uint8* out = total <= sizeof(key->buffer) ? key->buffer : static_cast<uint8*>(palloc(total));
    key->view.bytes = out;
    key->view.size = static_cast<uint32>(total);
    for (int i = 0; i < columns; ++i) {
        *out++ = nulls[i] ? 0 : 1;
        if (nulls[i]) continue;
        if (fixed_bytes(types[i]) == 0) {
            memcpy(out, &parts[i].size, sizeof(uint32));
            out += sizeof(uint32);
        }
        memcpy(out, parts[i].data, parts[i].size);
        out += parts[i].size;
    }
}

// What the core takes for something else is no tag.
core::Tag tag(uint64 h) {
    h = finish(h);
    return core::is_entry(h) ? h : h + 2;
}

uint64 seed(CacheId cache, uint64 kind) {
    return hash_combine64(hash_combine64(cache.id, cache.database), kind);
}

}  // namespace

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

uint64 hash_column(Oid type, Datum value, bool null) {
    if (null) return kNullHash;
    uint64 scratch;
    return hash_of(type, value, bytes_of(type, value, &scratch));
}

core::Tag whole_tag(CacheId cache) {
    return tag(seed(cache, 'w'));
}

core::Tag key_tag(CacheId cache, int columns, const uint64* column_hash) {
    uint64 h = seed(cache, 'k');
    for (int i = 0; i < columns; ++i) h = hash_combine64(h, column_hash[i]);
    return tag(h);
}

core::Tag part_tag(CacheId cache, ColumnMask mask, const uint64* column_hash) {
    uint64 h = hash_combine64(seed(cache, 'p'), mask);
    for (int i = 0; i < kMaxKeyColumns; ++i) {
        if ((mask & (ColumnMask{1} << i)) != 0) h = hash_combine64(h, column_hash[i]);
    }
    return tag(h);
}

void encode_key(CacheId cache, int columns, const Oid* types, const Datum* values,
                const bool* nulls, Key* key) {
    const ptrdiff_t size = encode_fixed(columns, types, values, nulls, key);
    if (size >= 0) {
        key->view.bytes = key->buffer;
        key->view.size = static_cast<uint32>(size);
    } else {
        encode_sized(columns, types, values, nulls, key);
    }
    key->view.hash = key_tag(cache, columns, key->column_hash);
}

void add_hidden_part(Key* key, const uint8* bytes, uint32 size) {
    const size_t total = size_t{key->view.size} + size;
    check_key_size(total);
    uint8* all = total <= sizeof(key->buffer) ? key->buffer : static_cast<uint8*>(palloc(total));
    if (all != key->view.bytes) memcpy(all, key->view.bytes, key->view.size);
    memcpy(all + key->view.size, bytes, size);
    key->view.bytes = all;
    key->view.size = static_cast<uint32>(total);
    key->view.hash =
        tag(hash_combine64(key->view.hash, hash_bytes_extended(bytes, static_cast<int>(size), 0)));
}

bool short_key(Oid type, Datum value, bool null) {
    if (null || type == NAMEOID || fixed_bytes(type) != 0) return true;
    const void* v = DatumGetPointer(value);
    if (VARATT_IS_1B(v)) return !VARATT_IS_1B_E(v);
    return VARATT_IS_4B_U(v) &&
           VARSIZE_4B(v) - VARHDRSZ <= sizeof(Key::buffer) - 1 - sizeof(uint32);
}

void decode_key(const uint8* bytes, int columns, const Oid* types, Datum* values, bool* nulls) {
    for (int i = 0; i < columns; ++i) {
        const int fixed = fixed_bytes(types[i]);
        nulls[i] = *bytes++ == 0;
        values[i] = 0;
        if (nulls[i]) continue;
        auto size = static_cast<uint32>(fixed);
        if (fixed == 0) {
            memcpy(&size, bytes, sizeof(size));
            bytes += sizeof(size);
        }
        if (by_reference(types[i]) || types[i] == NAMEOID) {
            const size_t room = types[i] == NAMEOID ? NAMEDATALEN : size;
            auto* copy = static_cast<uint8*>(palloc0(room));
            memcpy(copy, bytes, size);
            values[i] = PointerGetDatum(copy);
        } else if (fixed != 0) {
            uint64 raw = 0;
            memcpy(&raw, bytes, size);
#ifdef WORDS_BIGENDIAN
            raw >>= 8 * (8 - size);
#endif
            // Sign-extend as the server keeps pass-by-value datums.
            switch (size) {
                case 1:
                    values[i] = BoolGetDatum(raw != 0);
                    break;
                case 2:
                    values[i] = Int16GetDatum(static_cast<int16>(raw));
                    break;
                case 4:
                    values[i] = types[i] == OIDOID || types[i] >= FirstNormalObjectId
                                    ? ObjectIdGetDatum(static_cast<Oid>(raw))
                                    : Int32GetDatum(static_cast<int32>(raw));
                    break;
                default:
                    values[i] = Int64GetDatum(static_cast<int64>(raw));
                    break;
            }
        } else {
            auto* copy = static_cast<struct varlena*>(palloc(VARHDRSZ + size));
            SET_VARSIZE(copy, VARHDRSZ + size);
            memcpy(VARDATA(copy), bytes, size);
            values[i] = PointerGetDatum(copy);
        }
        bytes += size;
    }
}

const uint8* skip_key(const uint8* bytes, const uint8* end, int columns, const Oid* types) {
    for (int i = 0; i < columns; ++i) {
        if (bytes >= end || *bytes > 1) return nullptr;
        if (*bytes++ == 0) continue;
        const int fixed = fixed_bytes(types[i]);
        auto size = static_cast<uint32>(fixed);
        if (fixed == 0) {
            if (end - bytes < static_cast<ptrdiff_t>(sizeof(size))) return nullptr;
            memcpy(&size, bytes, sizeof(size));
            bytes += sizeof(size);
        }
        if (size > static_cast<uint64>(end - bytes) ||
            (types[i] == NAMEOID && size >= NAMEDATALEN)) {
            return nullptr;
        }
        bytes += size;
    }
    return bytes;
}

namespace {

// As record_out quotes the columns of a row.
void append_quoted(StringInfo out, const char* text) {
    bool quote = text[0] == '\0';
    for (const char* c = text; *c != '\0' && !quote; ++c) {
        quote = strchr("\"\\(), \t\n\r\v\f", *c) != nullptr;
    }
    if (!quote) {
        appendStringInfoString(out, text);
        return;
    }
    appendStringInfoChar(out, '"');
    for (const char* c = text; *c != '\0'; ++c) {
        if (*c == '"' || *c == '\\') appendStringInfoChar(out, *c);
        appendStringInfoChar(out, *c);
    }
    appendStringInfoChar(out, '"');
}

}  // namespace

char* key_text(const uint8* bytes, int columns, const Oid* types) {
    Datum values[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
    decode_key(bytes, columns, types, values, nulls);
    if (columns == 1 && nulls[0]) return nullptr;
    StringInfoData out;
    initStringInfo(&out);
    if (columns != 1) appendStringInfoChar(&out, '(');
    for (int i = 0; i < columns; ++i) {
        if (i > 0) appendStringInfoChar(&out, ',');
        if (nulls[i]) continue;
        Oid function;
        bool varlena;
        getTypeOutputInfo(types[i], &function, &varlena);
        const char* text = OidOutputFunctionCall(function, values[i]);
        if (columns == 1) {
            appendStringInfoString(&out, text);
        } else {
            append_quoted(&out, text);
        }
    }
    if (columns != 1) appendStringInfoChar(&out, ')');
    return out.data;
}

char* shown_key(const uint8* bytes, int columns, const Oid* types) {
    char* text = key_text(bytes, columns, types);
    return text != nullptr ? text : pstrdup("NULL");
}

}  // namespace cache_ext::pg
