#include "pg/catalog/keys.hpp"

#include "core/layout.hpp"

#include <type_traits>

extern "C" {
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"
}

namespace cache_ext::pg {
namespace {

constexpr uint64 kNullHash = 0x9e3779b97f4a7c15;

// How one type's values become bytes: how many, 0: any number, after their length. -1: no such
// type.
int fixed_bytes(Oid type) {
    switch (type) {
        case BOOLOID:
            return 1;
        case INT2OID:
            return 2;
        case INT4OID:
        case DATEOID:
            return 4;
        case INT8OID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            return 8;
        case UUIDOID:
            return UUID_LEN;
        case TEXTOID:
        case BYTEAOID:
        case JSONBOID:
        case NAMEOID:
            return 0;
        default:
            return -1;
    }
}

// A value's bytes, in place or in `scratch`.
struct Bytes {
    const uint8* data;
    uint32 size;
};

Bytes bytes_of(Oid type, Datum value, uint64* scratch) {
    switch (type) {
        case UUIDOID:
            return {DatumGetUUIDP(value)->data, UUID_LEN};
        case NAMEOID:
            return {reinterpret_cast<const uint8*>(NameStr(*DatumGetName(value))),
                    static_cast<uint32>(strlen(NameStr(*DatumGetName(value))))};
        case TEXTOID:
        case BYTEAOID:
        case JSONBOID: {
            struct varlena* v = PG_DETOAST_DATUM_PACKED(value);
            return {reinterpret_cast<const uint8*>(VARDATA_ANY(v)),
                    static_cast<uint32>(VARSIZE_ANY_EXHDR(v))};
        }
        default: {
            const int size = fixed_bytes(type);
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

uint64 hash_of(Oid type, Datum value, Bytes bytes) {
    if (type == JSONBOID) {
        return DatumGetUInt64(DirectFunctionCall2(jsonb_hash_extended, value, UInt64GetDatum(0)));
    }
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
                out = append<uint32>(out, values[i], hash);
                break;
            case INT8OID:
            case TIMESTAMPOID:
            case TIMESTAMPTZOID:
                out = append<uint64>(out, values[i], hash);
                break;
            case UUIDOID:
                *out = 1;
                memcpy(out + 1, DatumGetUUIDP(values[i])->data, UUID_LEN);
                *hash = hash_bytes_extended(out + 1, UUID_LEN, 0);
                out += 1 + UUID_LEN;
                break;
            default:
                return -1;
        }
    }
    return out - key->buffer;
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
    if (total > core::kMaxKeyBytes) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("cache key of %zu bytes is longer than %u bytes", total,
                               core::kMaxKeyBytes)));
    }
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
    return fixed_bytes(type) >= 0;
}

const char* supported_key_types() {
    return "smallint, integer, bigint, boolean, date, timestamp, timestamptz, uuid, text, bytea, "
           "name, jsonb";
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
        if (types[i] == UUIDOID || types[i] == NAMEOID) {
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
                    values[i] = Int32GetDatum(static_cast<int32>(raw));
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
