#include "pg/catalog/keys.hpp"

#include "core/layout.hpp"
#include "pg/catalog/key_forms.hpp"

#include <type_traits>

extern "C" {
#include "access/transam.h"
#include "access/tupmacs.h"
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
                return -1;
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
    bool sized[kMaxKeyColumns];
    uint64 scratch[kMaxKeyColumns];
    size_t total = 0;
    for (int i = 0; i < columns; ++i) {
        if (nulls[i]) {
            total += 1;
            key->column_hash[i] = kNullHash;
            continue;
        }
        const KeyForm form = form_of(types[i]);
        parts[i] = bytes_of(form, values[i], &scratch[i]);
        sized[i] = form.size == 0;
        total += 1 + (sized[i] ? sizeof(uint32) : 0) + parts[i].size;
        key->column_hash[i] = hash_of(form, values[i], parts[i]);
    }
    check_key_size(total);
    uint8* out = total <= sizeof(key->buffer) ? key->buffer : static_cast<uint8*>(palloc(total));
    key->view.bytes = out;
    key->view.size = static_cast<uint32>(total);
    for (int i = 0; i < columns; ++i) {
        *out++ = nulls[i] ? 0 : 1;
        if (nulls[i]) continue;
        if (sized[i]) {
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
    const KeyForm form = form_of(type);
    uint64 scratch;
    return hash_of(form, value, bytes_of(form, value, &scratch));
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

core::Tag ranged_tag(core::Tag part, uint64 bounds) {
    return tag(hash_combine64(hash_combine64(part, 'r'), bounds));
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
    const int size = fixed_bytes(type);
    if (null || size > 0) return size <= UUID_LEN;
    if (type == NAMEOID) return true;
    // Of another type's hash it is not known here whether it raises an error.
    if (type >= FirstNormalObjectId) return false;
    const void* v = DatumGetPointer(value);
    if (VARATT_IS_1B(v)) return !VARATT_IS_1B_E(v);
    return VARATT_IS_4B_U(v) &&
           VARSIZE_4B(v) - VARHDRSZ <= sizeof(Key::buffer) - 1 - sizeof(uint32);
}

void decode_key(const uint8* bytes, int columns, const Oid* types, Datum* values, bool* nulls) {
    for (int i = 0; i < columns; ++i) {
        const KeyForm form = form_of(types[i]);
        nulls[i] = *bytes++ == 0;
        values[i] = 0;
        if (nulls[i]) continue;
        auto size = static_cast<uint32>(form.size);
        if (form.size == 0) {
            memcpy(&size, bytes, sizeof(size));
            bytes += sizeof(size);
        }
        if (form.by_reference || form.is_name()) {
            auto* copy = static_cast<uint8*>(palloc0(form.is_name() ? NAMEDATALEN : size));
            memcpy(copy, bytes, size);
            values[i] = PointerGetDatum(copy);
        } else if (form.size != 0) {
            Datum aligned;
            memcpy(&aligned, bytes, size);
            values[i] = fetch_att(&aligned, true, form.size);
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
        const KeyForm form = form_of(types[i]);
        if (form.size < 0) return nullptr;
        auto size = static_cast<uint32>(form.size);
        if (form.size == 0) {
            if (end - bytes < static_cast<ptrdiff_t>(sizeof(size))) return nullptr;
            memcpy(&size, bytes, sizeof(size));
            bytes += sizeof(size);
        }
        if (size > static_cast<uint64>(end - bytes) || (form.is_name() && size >= NAMEDATALEN)) {
            return nullptr;
        }
        bytes += size;
    }
    return bytes;
}

}  // namespace cache_ext::pg
