#include "pg/catalog/keys.hpp"

#include "core/layout.hpp"
#include "pg/catalog/key_types.hpp"

#include <type_traits>

extern "C" {
#include "common/hashfn.h"
}

namespace cache_ext::pg {
namespace {

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

}  // namespace cache_ext::pg
